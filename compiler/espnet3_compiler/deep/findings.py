"""From the answers of the probe to findings at locations of the manifest."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from espnet3_compiler.deep.code_span import code_span, place_name
from espnet3_compiler.deep.process import ProbeLimits, ProbeResult
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.diagnostics.source import Span
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.syntax.provenance import provenance_labels
from espnet3_compiler.syntax.tree import Mapping as Tree
from espnet3_compiler.syntax.tree import Node, Path, Scalar, Sequence, node_at, walk_scalars
from espnet3_schemas import TARGET

MAX_SIZE_LABELS = 3
KILLED_CODE = -9
TIMEOUT_HINT = "give it more time with --deep-timeout SECONDS, if it is only slow"


def probe_findings(
    answer: ProbeResult, recipe: Recipe, resolved: Resolved, limits: ProbeLimits
) -> tuple[Diagnostic, ...]:
    """Return the findings of a probe, with one for an early end.

    Args:
        answer: The output of the probe.
        recipe: The recipe.
        resolved: Its resolved configs.
        limits: The limits of the probe.
    """
    found = [
        answer_finding(line, recipe, resolved) for line in answer.lines if line["kind"] == "finding"
    ]
    stop = _abort_finding(answer, recipe, resolved, limits)
    return (*found, *([stop] if stop else []))


def unprobed_notes(answer: ProbeResult) -> Iterator[str]:
    """Yield the parts that were not probed, one line each."""
    for line in answer.lines:
        if line["kind"] == "note":
            yield f"not probed: {line['text']}"
    if not answer.ended and answer.code == KILLED_CODE and not answer.timed_out:
        yield "not probed: the rest; the system killed the probe, probably for lack of memory"


def recipe_warnings(answer: ProbeResult) -> Iterator[str]:
    """Yield what libraries warned of while the recipe's code ran, one line each."""
    for line in answer.lines:
        if line["kind"] == "warning":
            yield f"warned at {place_name(line['place'])}: {line['text']}"


def model_summaries(answer: ProbeResult) -> Iterator[str]:
    """Yield one paragraph for each model that was built."""
    for line in answer.lines:
        if line["kind"] != "model":
            continue
        total, frozen = line["parameters"], line["frozen"]
        where = "" if line["device"] == "cpu" else " (on the meta device)"
        yield f"{line['stage']}: {line['name']}{where}"
        yield f"  parameters  {total:,}, trainable {total - frozen:,}"
        if line["inputs"]:
            yield f"  inputs      {line['inputs']}  ({line['items']})"
        if line.get("steps"):
            yield f"  steps       {line['steps']}"
        if line["returns"]:
            yield f"  forward     returns {line['returns']}"


def answer_finding(line: Mapping[str, Any], recipe: Recipe, resolved: Resolved) -> Diagnostic:
    """Return a finding of the runtime with its place.

    Args:
        line: What the runtime found, see ``espnet3_runtime.preflight.protocol``.
        recipe: The recipe.
        resolved: Its resolved configs.
    """
    scalar = _find_location(line, recipe, resolved)
    sizes = list(_size_labels(line, resolved, scalar.span))
    primary = Label(scalar.span, line["label"])
    others = [*provenance_labels(scalar, scalar.span), *sizes[:MAX_SIZE_LABELS]]
    span = code_span(line["place"])
    if span and line["in_code"]:
        primary, others = Label(span, line["label"]), [Label(scalar.span, "used here"), *others]
    elif span:
        others.append(Label(span, f"in {line['place']['name']}"))
    return Diagnostic(
        line["code"],
        line["message"],
        primary,
        related=tuple(others),
        help=tuple(line["help"]),
        notes=tuple(line["notes"]),
    )


def _abort_finding(
    answer: ProbeResult, recipe: Recipe, resolved: Resolved, limits: ProbeLimits
) -> Diagnostic | None:
    """Return the finding for a probe that did not finish, at its last step."""
    if answer.ended or (answer.code == KILLED_CODE and not answer.timed_out):
        return None
    step = next((line for line in reversed(answer.lines) if line["kind"] == "step"), None)
    what = step["what"] if step else "starting the probe"
    span = (_find_location(step, recipe, resolved) if step else recipe.name).span
    if answer.timed_out:
        message = f"{what} did not come to an end within {limits.seconds:g} s"
        return Diagnostic("R910", message, Label(span), help=(TIMEOUT_HINT,))
    how = f"signal {-answer.code}" if answer.code and answer.code < 0 else f"exit {answer.code}"
    last = answer.complaint.strip().splitlines()[-1:]
    return Diagnostic("R910", f"{what} ended the process ({how})", Label(span), notes=tuple(last))


def _find_location(line: Mapping[str, Any], recipe: Recipe, resolved: Resolved) -> Scalar:
    """Return the scalar to point at: the innermost written one at or above the path."""
    kind, name = line["owner"]
    path: Path = tuple(line["path"])
    if kind == "recipe":
        return recipe.system.name
    wanted = name if kind == "stages" else line["stage"]
    stage = next((stage for stage in recipe.stages if stage.name.value == wanted), None)
    if kind == "stages" and stage is not None and path == ("init_from",):
        return stage.init_from or stage.name
    if kind == "stages" and stage is not None and path in ((), ("call",)):
        return stage.call or stage.name
    roots = {"models": resolved.models, "configs": resolved.configs, "stages": resolved.calls}
    root: Node | None = roots[kind].get(name)
    for length in range(len(path), -1, -1):
        found = _written_scalar(root, path[:length]) if root is not None else None
        if found is not None:
            return found
    return stage.name if stage else recipe.name


def _written_scalar(root: Node, path: Path) -> Scalar | None:
    """Return the scalar that represents a node: itself, its target, its key, or its first key.

    A setting that is true or false is its key.
    """
    node = node_at(root, path)
    parent = node_at(root, path[:-1]) if path else None
    if isinstance(parent, Tree) and isinstance(node, Scalar) and isinstance(node.value, bool):
        entry = parent.entry(str(path[-1]))
        node = entry.key if entry else node
    candidates: list[Node | None] = [node]
    if isinstance(node, Tree):
        candidates.append(node.get(TARGET))
    if isinstance(parent, Tree) and isinstance(node, Tree | Sequence):
        entry = parent.entry(str(path[-1]))
        candidates.append(entry.key if entry else None)
    if isinstance(parent, Sequence) and isinstance(node, Tree):
        candidates += [entry.key for entry in node]
    written = (item for item in candidates if isinstance(item, Scalar))
    return next((item for item in written if not item.span.source.holds_defaults), None)


def _size_labels(line: Mapping[str, Any], resolved: Resolved, primary: Span) -> Iterable[Label]:
    """Yield the arguments of the model whose values are sizes that the message names."""
    kind, name = line["owner"]
    root = resolved.models.get(name) if kind == "models" else None
    for _, leaf in walk_scalars(root) if root is not None else ():
        if type(leaf.value) is int and leaf.value in line["numbers"] and leaf.span != primary:
            yield Label(leaf.span, f"{leaf.value} here")
