"""``--why NAME.KEY``: the value of a key and every location that set or changed it."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping

from espnet3_compiler.diagnostics.source import Span
from espnet3_compiler.diagnostics.suggest import closest_match
from espnet3_compiler.manifest.group_names import NO_GROUPS
from espnet3_compiler.manifest.recipe import Composed
from espnet3_compiler.result import CompileResult
from espnet3_compiler.syntax.provenance import STEP_LABELS
from espnet3_compiler.syntax.tree import (
    Node,
    Path,
    Sequence,
    children,
    format_path,
    node_at,
    to_python,
)

LONGEST_VALUE = 60
KINDS = ("configs", "models")


def explain_value(outcome: CompileResult, dotted: str) -> tuple[str, bool]:
    """Return the answer and whether there is such a key.

    Args:
        outcome: A manifest whose configs were composed and resolved.
        dotted: The name of a config or model and a path in it, for example
            ``training.optimizer.lr`` or ``training.dataset.train[0].data_src_args``; or as recipes
            write it, ``configs.training.optimizer.lr``, ``models.ctc.vocab_size``, in ``${…}`` too.
    """
    kinds, name, steps = _split_name(dotted, outcome)
    root, composed = _find_root(outcome, name, kinds)
    if root is None:
        known = [known for kind in kinds for known in getattr(outcome.resolved, kind, ())]
        return _of_rows(outcome, name) or _unknown_path_message(dotted, name, known), False
    path: Path = ()
    node: Node = root
    for step in steps:
        key = int(step) if isinstance(node, Sequence) and step.isdecimal() else step
        below = node_at(node, (key,))
        if below is None:
            known = [str(key) for key in _child_keys(node)]
            return _unknown_path_message(dotted, step, known), False
        node, path = below, (*path, key)
    lines = [
        line
        for leaf, found in _leaf_nodes(node, path)
        for line in _value_history(name, leaf, found, composed)
    ]
    return "\n".join(lines) + "\n", True


def _split_name(dotted: str, outcome: CompileResult) -> tuple[tuple[str, ...], str, list[str]]:
    """Return where a name may stand, ``configs`` or ``models``, the name, and the steps below."""
    written = re.fullmatch(r"\$\{(.*)\}", dotted.strip())
    first, *steps = re.findall(r"[^.\[\]]+", written[1] if written else dotted) or [""]
    if first in KINDS and steps and _find_root(outcome, first, KINDS)[0] is None:
        return (first,), steps[0], steps[1:]
    return KINDS, first, steps


def _find_root(
    outcome: CompileResult, name: str, kinds: Iterable[str]
) -> tuple[Node | None, Composed | None]:
    for kind in kinds:
        node = getattr(outcome.resolved, kind, {}).get(name)
        if node is not None:
            return node, getattr(outcome.composition, kind, {}).get(name)
    return None, None


def _child_keys(node: Node) -> list[str | int]:
    return [step for step, _ in children(node)]


def _of_rows(outcome: CompileResult, name: str) -> str | None:
    """Return what to write where a group has the name once for every row."""
    groups = outcome.recipe.group_names if outcome.recipe else NO_GROUPS
    hint = groups.rows_hint("configs", name) or groups.rows_hint("models", name)
    return f"error: {hint}\n" if hint else None


def _unknown_path_message(dotted: str, word: str, known: list[str]) -> str:
    near = closest_match(word, known)
    hint = f"; there is: {', '.join(known)}" if known else ""
    hint = f'; did you mean "{near}"?' if near else hint
    return f'error: nothing is called "{dotted}": no "{word}"{hint}\n'


def _leaf_nodes(node: Node, path: Path) -> Iterator[tuple[Path, Node]]:
    below = children(node)
    for step, child in below:
        yield from _leaf_nodes(child, (*path, step))
    if not below:
        yield path, node


def _value_history(name: str, path: Path, node: Node, composed: Composed | None) -> Iterator[str]:
    yield f"{format_path((name, *path))} = {_format_value(node)}"
    steps = [(step.span, STEP_LABELS.get(step.how, step.how)) for step in node.via]
    for span, word in dict.fromkeys(steps):
        if word != STEP_LABELS["default"]:
            yield f"    {_format_location(span)}  {word}"
    origin = "the default" if _is_schema_default(node) else "written here"
    yield f"    {_format_location(node.span)}  {origin}"
    history: Mapping[Path, tuple[Node, ...]] = composed.history if composed else {}
    for earlier in reversed(history.get(path, ())):
        word = "the default was" if _is_schema_default(earlier) else "replaces"
        yield f"    {_format_location(earlier.span)}  {word} {_format_value(earlier)}"


def _is_schema_default(node: Node) -> bool:
    return node.span.source.holds_defaults


def _format_location(span: Span) -> str:
    if span.source.kind == "schema":
        return span.source.name
    line, column = span.source.line_column(span.start)
    return f"{span.source.name}:{line}:{column}"


def _format_value(node: Node) -> str:
    value = json.dumps(to_python(node), ensure_ascii=False)
    return value if len(value) <= LONGEST_VALUE else f"{value[: LONGEST_VALUE - 1]}…"
