"""Names of metrics, and their inputs against what inference writes.

Passes: ``inputs: {ref: "dataset:text", hyp: text}`` where inference has ``output_keys: [text]``.
Fails: ``inputs: {hyp: txt}``; two metrics called ``wer``; a test set in ``metrics`` that inference
does not run on.
"""

from collections.abc import Iterator

from espnet3_compiler.chain import related_labels, use_place
from espnet3_compiler.diagnostic import Diagnostic, Label
from espnet3_compiler.expression import is_open
from espnet3_compiler.ir import Recipe, Resolved, StageDecl
from espnet3_compiler.kinds import is_own, kind_of
from espnet3_compiler.lower import in_role
from espnet3_compiler.lower_report import did_you_mean, listed, spelling_fix
from espnet3_compiler.lower_values import texts
from espnet3_compiler.places import once
from espnet3_compiler.source import Span
from espnet3_compiler.suggest import nearest
from espnet3_compiler.tree import Mapping, Node, Scalar, Sequence, descend
from espnet3_schemas import TARGET

COLUMN = "dataset:"


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R201 for metrics of one name, R410 for what inference does not write."""
    for _, config in in_role(recipe, resolved, "metrics"):
        yield from _repeated(_items(config.get("metrics")))
    yield from once(_unwritten(recipe, resolved))


def _repeated(metrics: list[Mapping]) -> Iterator[Diagnostic]:
    first: dict[str, Scalar] = {}
    for name, node in filter(None, map(_called, metrics)):
        if name in first:
            yield Diagnostic(
                "R201",
                f'two metrics are called "{name}"',
                Label(use_place(node), "used again here"),
                related=(Label(use_place(first[name]), "first used here"),),
                help=("give each metric its own name: its scores are kept under it",),
            )
        first.setdefault(name, node)


def _called(item: Mapping) -> tuple[str, Scalar] | None:
    """Return what a metric is called, by itself or by its class, and where that is said."""
    given = item.get("name")
    node = given or descend(item, ("metric", TARGET))
    if not isinstance(node, Scalar) or not isinstance(node.value, str) or is_open(node):
        return None
    return node.value if given else node.value.rpartition(".")[2].lower(), node


def _unwritten(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    for stage in recipe.stages:
        if kind_of(stage) != "measure":
            continue
        # A method of the recipe may read and write what it likes: only plain slips are told then.
        own = is_own(stage, recipe) or "infer" in recipe.system.own
        certain = not own and all(resolved.is_sure(binding.config) for binding in stage.configs)
        for found in _measure(stage, resolved):
            if certain or (found.fix and found.fix.certain):
                yield found


def _measure(stage: StageDecl, resolved: Resolved) -> Iterator[Diagnostic]:
    configs = {binding.role: resolved.configs.get(binding.config) for binding in stage.configs}
    metrics, inference = configs.get("metrics"), configs.get("inference")
    if metrics is None or inference is None:
        return
    stems = _stems(inference)
    if stems:
        for entry in _inputs(metrics):
            yield from _unknown(entry, stems[0], stems[1], "inference writes no output")
    tests = _names(inference)
    if tests and not any(map(is_open, tests.values())):
        for entry in _names(metrics).values():
            yield from _unknown(entry, list(tests), None, "inference has no test set")


def _stems(inference: Mapping) -> tuple[list[str], Span] | None:
    """Return the outputs that inference writes, where the config says so, and where it does."""
    keys = inference.get("output_keys")
    if keys is not None and is_open(keys):
        return None
    values = [str(name.value) for name in texts(keys)]
    if isinstance(keys, Sequence) and len(values) == len(keys.items):
        return None if any(map(is_open, keys.items)) else (values, keys.span)
    outputs = descend(inference, ("contract", "outputs"))
    if isinstance(outputs, Mapping) and outputs.entries:
        return [entry.name for entry in outputs], outputs.span
    return None


def _inputs(metrics: Mapping) -> Iterator[Scalar]:
    for item in _items(metrics.get("metrics")):
        inputs = item.get("inputs")
        for entry in inputs if isinstance(inputs, Mapping) else ():
            value = entry.value
            if isinstance(value, Scalar) and not str(value.value).startswith(COLUMN):
                yield value


def _names(config: Mapping) -> dict[str, Scalar]:
    found: dict[str, Scalar] = {}
    for item in _items(descend(config, ("dataset", "test"))):
        name = item.get("name")
        if isinstance(name, Scalar):
            found[str(name.value)] = name
    return found


def _items(node: Node | None) -> list[Mapping]:
    items = node.items if isinstance(node, Sequence) else ()
    return [item for item in items if isinstance(item, Mapping)]


def _unknown(
    node: Scalar, known: list[str], declared: Span | None, what: str
) -> Iterator[Diagnostic]:
    name = node.value
    if not isinstance(name, str) or name in known or is_open(node):
        return
    near = nearest(name, known)
    related = (Label(declared, "what it writes"),) if declared else ()
    columns = (f"write one of them, or {COLUMN}COLUMN for a column of the data",)
    yield Diagnostic(
        code="R410",
        message=f'{what} "{name}"',
        primary=Label(use_place(node), f"not in ({listed(known)})"),
        related=(*related_labels(node), *related),
        help=did_you_mean(near, *(columns if declared else ())),
        fix=spelling_fix(node.span, name, near, known),
    )
