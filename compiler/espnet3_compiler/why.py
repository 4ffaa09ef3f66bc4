"""``--why NAME.KEY``: the value of a key and every place that had a say in it."""

import json
import re
from collections.abc import Iterator, Mapping

from espnet3_compiler.chain import WORDS
from espnet3_compiler.ir import Composed
from espnet3_compiler.outcome import Outcome
from espnet3_compiler.source import Span
from espnet3_compiler.suggest import nearest
from espnet3_compiler.tree import Mapping as Tree
from espnet3_compiler.tree import Node, Path, Sequence, descend, dotted, plain

LONGEST = 60


def why(outcome: Outcome, dotted: str) -> tuple[str, bool]:
    """Return the answer and whether there is such a key.

    Args:
        outcome: A manifest whose configs were composed and resolved.
        dotted: The name of a config or model and a path in it, for example
            ``training.optimizer.lr`` or ``training.dataset.train[0].data_src_args``.
    """
    name, *steps = re.findall(r"[^.\[\]]+", dotted) or [""]
    root, composed = _root(outcome, name)
    if root is None:
        return _unknown(dotted, name, _names(outcome)), False
    path: Path = ()
    node: Node = root
    for step in steps:
        key = int(step) if isinstance(node, Sequence) and step.isdecimal() else step
        below = descend(node, (key,))
        if below is None:
            return _unknown(dotted, step, _keys(node)), False
        node, path = below, (*path, key)
    lines = [
        line for leaf, found in _leaves(node, path) for line in _story(name, leaf, found, composed)
    ]
    return "\n".join(lines) + "\n", True


def _root(outcome: Outcome, name: str) -> tuple[Node | None, Composed | None]:
    if outcome.resolved is None or outcome.composition is None:
        return None, None
    node = outcome.resolved.configs.get(name) or outcome.resolved.models.get(name)
    composed = outcome.composition.configs.get(name) or outcome.composition.models.get(name)
    return node, composed


def _names(outcome: Outcome) -> list[str]:
    resolved = outcome.resolved
    return [*resolved.configs, *resolved.models] if resolved else []


def _keys(node: Node) -> list[str]:
    if isinstance(node, Tree):
        return [entry.name for entry in node]
    return [str(index) for index in range(len(node.items))] if isinstance(node, Sequence) else []


def _unknown(dotted: str, word: str, known: list[str]) -> str:
    near = nearest(word, known)
    hint = (
        f'; did you mean "{near}"?' if near else f"; there is: {', '.join(known)}" if known else ""
    )
    return f'error: nothing is called "{dotted}": no "{word}"{hint}\n'


def _leaves(node: Node, path: Path) -> Iterator[tuple[Path, Node]]:
    if isinstance(node, Tree) and node.entries:
        for entry in node:
            yield from _leaves(entry.value, (*path, entry.name))
    elif isinstance(node, Sequence) and node.items:
        for index, item in enumerate(node.items):
            yield from _leaves(item, (*path, index))
    else:
        yield path, node


def _story(name: str, path: Path, node: Node, composed: Composed | None) -> Iterator[str]:
    yield f"{dotted((name, *path))} = {_shown(node)}"
    stations = [(step.span, WORDS.get(step.how, step.how)) for step in node.via]
    for span, word in dict.fromkeys(stations):
        if word != WORDS["default"]:
            yield f"    {_place(span)}  {word}"
    yield f"    {_place(node.span)}  {'the default' if _is_default(node) else 'written here'}"
    history: Mapping[Path, tuple[Node, ...]] = composed.history if composed else {}
    for earlier in reversed(history.get(path, ())):
        word = "the default was" if _is_default(earlier) else "replaces"
        yield f"    {_place(earlier.span)}  {word} {_shown(earlier)}"


def _is_default(node: Node) -> bool:
    return node.span.source.kind == "schema"


def _place(span: Span) -> str:
    if span.source.kind == "schema":
        return span.source.name
    line, column = span.source.line_column(span.start)
    return f"{span.source.name}:{line}:{column}"


def _shown(node: Node) -> str:
    value = json.dumps(plain(node), ensure_ascii=False)
    return value if len(value) <= LONGEST else f"{value[: LONGEST - 1]}…"
