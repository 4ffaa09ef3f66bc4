"""From what the probe says to findings at places of the manifest."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from espnet3_compiler.chain import related_labels
from espnet3_compiler.deep_run import Answer, Limits
from espnet3_compiler.diagnostic import Diagnostic, Label
from espnet3_compiler.ir import Recipe, Resolved, StageDecl
from espnet3_compiler.source import Span
from espnet3_compiler.tree import Mapping as Tree
from espnet3_compiler.tree import Node, Path, Scalar, Sequence, descend
from espnet3_schemas import TARGET

MOST_SIZES = 3
KILLED = -9
SLOW = "give it more time with --deep-timeout SECONDS, if it is only slow"


def findings(
    answer: Answer, recipe: Recipe, resolved: Resolved, limits: Limits
) -> tuple[Diagnostic, ...]:
    """Return the findings of a probe, with what stopped it, if anything did.

    Args:
        answer: What the process of ``--deep`` printed, and how it ended.
        recipe: The declarations of the manifest.
        resolved: The values of its configs, for the places of findings.
        limits: The time and memory that the process had.
    """
    found = [_finding(line, recipe, resolved) for line in answer.lines if line["kind"] == "finding"]
    stop = _stop(answer, recipe, resolved, limits)
    return (*found, *([stop] if stop else []))


def notes(answer: Answer) -> Iterator[str]:
    """Yield what was not probed, one line each."""
    for line in answer.lines:
        if line["kind"] == "note":
            yield f"not probed: {line['text']}"
    if not answer.ended and answer.code == KILLED and not answer.timed_out:
        yield "not probed: the rest; the system killed the probe, probably for want of memory"


def models(answer: Answer) -> Iterator[str]:
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
        if line["returns"]:
            yield f"  forward     returns {line['returns']}"


def _finding(line: Mapping[str, Any], recipe: Recipe, resolved: Resolved) -> Diagnostic:
    place = _place(line, recipe, resolved)
    sizes = list(_sizes(line, resolved, place.span))
    return Diagnostic(
        line["code"],
        line["message"],
        Label(place.span, line["label"]),
        related=(*related_labels(place, place.span), *sizes[:MOST_SIZES]),
        help=tuple(line["help"]),
        notes=tuple(line["notes"]),
    )


def _stop(answer: Answer, recipe: Recipe, resolved: Resolved, limits: Limits) -> Diagnostic | None:
    """Return what stopped the probe, at the place where it was."""
    if answer.ended or (answer.code == KILLED and not answer.timed_out):
        return None
    step = next((line for line in reversed(answer.lines) if line["kind"] == "step"), None)
    what = step["what"] if step else "starting the probe"
    span = (_place(step, recipe, resolved) if step else recipe.name).span
    if answer.timed_out:
        message = f"{what} did not come to an end within {limits.seconds:g} s"
        return Diagnostic("R910", message, Label(span), help=(SLOW,))
    how = f"signal {-answer.code}" if answer.code and answer.code < 0 else f"exit {answer.code}"
    last = answer.complaint.strip().splitlines()[-1:]
    return Diagnostic("R910", f"{what} ended the process ({how})", Label(span), notes=tuple(last))


def _place(line: Mapping[str, Any], recipe: Recipe, resolved: Resolved) -> Scalar:
    """Return the scalar to point at: the innermost at or above a place that somebody wrote."""
    kind, name = line["owner"]
    path: Path = tuple(line["path"])
    stage = _stage(recipe, name if kind == "stages" else line["stage"])
    if kind == "stages" and stage is not None and path in ((), ("call",)):
        return stage.call or stage.name
    roots = {"models": resolved.models, "configs": resolved.configs, "stages": resolved.calls}
    root: Node | None = roots[kind].get(name)
    for length in range(len(path), -1, -1):
        found = _written(root, path[:length]) if root is not None else None
        if found is not None:
            return found
    return stage.name if stage else recipe.name


def _written(root: Node, path: Path) -> Scalar | None:
    """Return what stands for a node: itself, its target, its key, or its first key."""
    node = descend(root, path)
    parent = descend(root, path[:-1]) if path else None
    candidates: list[Node | None] = [node]
    if isinstance(node, Tree):
        candidates.append(node.get(TARGET))
    if isinstance(parent, Tree) and isinstance(node, Tree | Sequence):
        entry = parent.entry(str(path[-1]))
        candidates.append(entry.key if entry else None)
    if isinstance(parent, Sequence) and isinstance(node, Tree):
        candidates += [entry.key for entry in node]
    written = (item for item in candidates if isinstance(item, Scalar))
    return next((item for item in written if item.span.source.kind != "schema"), None)


def _stage(recipe: Recipe, name: str | None) -> StageDecl | None:
    return next((stage for stage in recipe.stages if stage.name.value == name), None)


def _sizes(line: Mapping[str, Any], resolved: Resolved, primary: Span) -> Iterable[Label]:
    """Yield the arguments of the model whose values are sizes that the message names."""
    kind, name = line["owner"]
    root = resolved.models.get(name) if kind == "models" else None
    for leaf in _leaves(root) if root is not None else ():
        if type(leaf.value) is int and leaf.value in line["numbers"] and leaf.span != primary:
            yield Label(leaf.span, f"{leaf.value} here")


def _leaves(node: Node) -> Iterator[Scalar]:
    if isinstance(node, Tree):
        for entry in node:
            yield from _leaves(entry.value)
    elif isinstance(node, Sequence):
        for item in node.items:
            yield from _leaves(item)
    else:
        yield node
