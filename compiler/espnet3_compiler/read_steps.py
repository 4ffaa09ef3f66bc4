"""Nodes that are used at another place than the one they were written at, and stand-ins."""

from typing import TypeVar, cast

from espnet3_compiler.source import Span, Step
from espnet3_compiler.tree import Entry, Mapping, Node, Scalar, Sequence

N = TypeVar("N", bound=Node)


def with_step(node: N, step: Step) -> N:
    """Return a copy in which every node, keys too, came through one more station."""
    return cast("N", _through(node, step))


def _through(node: Node, step: Step) -> Node:
    via = (step, *node.via)
    if isinstance(node, Scalar):
        return Scalar(node.value, node.span, node.style, via)
    if isinstance(node, Sequence):
        return Sequence(tuple([_through(item, step) for item in node.items]), node.span, via)
    entries = [
        Entry(with_step(entry.key, step), _through(entry.value, step)) for entry in node.entries
    ]
    return Mapping(tuple(entries), node.span, via)


def size_of(node: Node) -> int:
    """Return the number of nodes in a tree, keys not counted."""
    if isinstance(node, Mapping):
        return 1 + sum([size_of(entry.value) for entry in node.entries])
    if isinstance(node, Sequence):
        return 1 + sum(map(size_of, node.items))
    return 1


def stand_in(span: Span) -> Scalar:
    """Return what takes the place of something that could not be read.

    It looks like a reference, which every later step takes for a value it cannot judge, and its
    style tells the resolver that the mistake has been reported.
    """
    return Scalar("${}", span, "error")


def failed(node: Node) -> Scalar:
    """Return the stand-in for a node that has no value; a text stays for reports."""
    value = node.value if isinstance(node, Scalar) else "${}"
    return Scalar(value, node.span, "error", node.via)


def is_legible(node: Node | None) -> bool:
    """Return whether all keys of a mapping could be read: if not, any key may be among them.

    What is no mapping has none that could not be read.
    """
    if not isinstance(node, Mapping):
        return True
    return not any(entry.key.style == "error" for entry in node.entries)


def is_stand_in(node: Node) -> bool:
    """Return whether a node takes the place of something that could not be read."""
    return isinstance(node, Scalar) and node.style == "error"
