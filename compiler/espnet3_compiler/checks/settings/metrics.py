"""Names of metrics, and their inputs against what inference writes.

Passes: ``inputs: {ref: "dataset:text", hyp: text}`` where inference has ``output_keys: [text]``.
Fails: ``inputs: {hyp: txt}``; two metrics called ``wer``; a test set in ``metrics`` that inference
does not run on.
"""

from collections.abc import Iterator

from espnet3_compiler.checks.findings import unknown_value, value_finding
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.diagnostics.source import Span
from espnet3_compiler.expressions.template import is_unresolved
from espnet3_compiler.manifest.lower import configs_in_role
from espnet3_compiler.manifest.recipe import Recipe, Resolved, StageDecl
from espnet3_compiler.manifest.stage_kinds import is_custom_kind, stage_kind
from espnet3_compiler.manifest.values import as_texts
from espnet3_compiler.stage_graph.stage_inputs import bound_config
from espnet3_compiler.syntax.provenance import provenance_labels, use_location
from espnet3_compiler.syntax.span_key import first_per_location, is_written
from espnet3_compiler.syntax.tree import Mapping, Node, Scalar, Sequence, node_at
from espnet3_schemas import TARGET

COLUMN_PREFIX = "dataset:"

_TAKEN_NAMES = ("dataset", "audio")
"""Names of folders beside those of the metrics."""


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R201 and R202 for names, R605 for no input, R410 for what is not written."""
    for _, config in configs_in_role(recipe, resolved, "metrics"):
        metrics = _mapping_items(config.get("metrics"))
        yield from _duplicate_names(metrics)
        for item in metrics:
            yield from _unusable_name(item.get("name"))
            yield from _no_inputs(item.get("inputs"))
    yield from first_per_location(_check_measure_stages(recipe, resolved))


def _duplicate_names(metrics: list[Mapping]) -> Iterator[Diagnostic]:
    first: dict[str, Scalar] = {}
    for name, node in filter(None, map(_metric_name, metrics)):
        if name in first:
            yield Diagnostic(
                "R201",
                f'two metrics are called "{name}"',
                Label(use_location(node), "used again here"),
                related=(Label(use_location(first[name]), "first used here"),),
                help=("give each metric its own name: its scores are kept under it",),
            )
        first.setdefault(name, node)


def _unusable_name(node: Node | None) -> Iterator[Diagnostic]:
    """Report the name of a metric that cannot be that of a file beside others."""
    if not isinstance(node, Scalar) or not isinstance(node.value, str) or is_unresolved(node):
        return
    if not node.value.replace("-", "_").isidentifier() or node.value in _TAKEN_NAMES:
        yield value_finding(
            "R202",
            f'"{node.value}" cannot be the name of a metric',
            node,
            "taken" if node.value in _TAKEN_NAMES else "write letters, digits, _ and -",
            advice=('for example "wer"',),
        )


def _no_inputs(inputs: Node | None) -> Iterator[Diagnostic]:
    if isinstance(inputs, Mapping) and not inputs.entries:
        yield value_finding(
            "R605",
            '"inputs" of a metric is empty',
            inputs,
            "nothing to compare",
            advice=('name what it compares, for example {ref: "dataset:text", hyp: text}',),
        )


def _metric_name(item: Mapping) -> tuple[str, Scalar] | None:
    """Return the name of a metric, given or that of its class, and the node that says so."""
    given = item.get("name")
    node = given or node_at(item, ("metric", TARGET))
    if not isinstance(node, Scalar) or not isinstance(node.value, str) or is_unresolved(node):
        return None
    return node.value if given else node.value.rpartition(".")[2].lower(), node


def _check_measure_stages(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    for stage in recipe.stages:
        if stage_kind(stage) != "measure":
            continue
        # A method of the recipe may read and write anything: then only misspellings are reported.
        own = is_custom_kind(stage, recipe) or "infer" in recipe.system.own
        certain = not own and all(resolved.is_certain(binding.config) for binding in stage.configs)
        for found in _check_measure(stage, resolved):
            if certain or (found.fix and found.fix.certain):
                yield found


def _check_measure(stage: StageDecl, resolved: Resolved) -> Iterator[Diagnostic]:
    metrics, inference = (bound_config(stage, role, resolved) for role in ("metrics", "inference"))
    if metrics is None or inference is None:
        return
    outputs = _inference_outputs(inference)
    if outputs:
        names, span = outputs
        for _, node in read_columns(metrics):
            if not str(node.value).startswith(COLUMN_PREFIX):
                yield from _check_name(node, names, span, "inference writes no output")
    tests = _test_sets(inference)
    if tests and not any(map(is_unresolved, tests.values())):
        for node in _test_sets(metrics).values():
            yield from _check_name(node, list(tests), None, "inference has no test set")


def _inference_outputs(inference: Mapping) -> tuple[list[str], Span] | None:
    """Return the outputs that an inference config lists, and where; None where it lists none."""
    keys = inference.get("output_keys")
    if keys is not None and is_unresolved(keys):
        return None
    values = [str(name.value) for name in as_texts(keys)]
    if isinstance(keys, Sequence) and len(values) == len(keys.items):
        place = use_location(keys.items[0]) if len(values) == 1 else keys.span
        return None if any(map(is_unresolved, keys.items)) else (values, place)
    outputs = node_at(inference, ("contract", "outputs"))
    if isinstance(outputs, Mapping) and outputs.entries:
        return [entry.name for entry in outputs], outputs.span
    return None


def read_columns(metrics: Mapping) -> Iterator[tuple[Mapping, Scalar]]:
    """Yield every column that a metrics config reads, with the metric that reads it."""
    for item in _mapping_items(metrics.get("metrics")):
        inputs = item.get("inputs")
        for entry in inputs if isinstance(inputs, Mapping) else ():
            if isinstance(entry.value, Scalar):
                yield item, entry.value


def _test_sets(config: Mapping) -> dict[str, Scalar]:
    found: dict[str, Scalar] = {}
    for item in _mapping_items(node_at(config, ("dataset", "test"))):
        name = item.get("name")
        if isinstance(name, Scalar):
            found[str(name.value)] = name
    return found


def _mapping_items(node: Node | None) -> list[Mapping]:
    items = node.items if isinstance(node, Sequence) else ()
    return [item for item in items if isinstance(item, Mapping)]


def _check_name(
    node: Scalar, known: list[str], declared: Span | None, problem: str
) -> Iterator[Diagnostic]:
    if not isinstance(node.value, str) or node.value in known or is_unresolved(node):
        return
    if declared and not is_written(node) and not declared.source.holds_defaults:
        yield _unwritten_output(node, declared, problem)
        return
    columns = f"write one of them, or {COLUMN_PREFIX}COLUMN for a column of the data"
    yield unknown_value(
        "R410",
        f'{problem} "{node.value}"',
        node,
        known,
        related=(Label(declared, "what it writes"),) if declared else (),
        hints=(columns,) if declared else (),
    )


def _unwritten_output(node: Scalar, declared: Span, problem: str) -> Diagnostic:
    """Return R410 at the outputs of inference, for a metric that the recipe does not write.

    Args:
        node: The output that the metric reads: a default of the System.
        declared: Where the outputs are listed.
        problem: What is wrong with it.
    """
    return Diagnostic(
        "R410",
        f'{problem} "{node.value}"',
        Label(declared, f"no {node.value} among them"),
        provenance_labels(node, declared),
        (f'call the output "{node.value}", or write a metrics config that reads another one',),
        ("a metric of the System reads it where the recipe writes no metrics of its own",),
    )
