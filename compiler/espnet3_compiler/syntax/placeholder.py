"""Nodes that are used at another place than the one they were written at, and stand-ins."""

from typing import TypeVar, cast

from espnet3_compiler.diagnostics.source import ProvenanceStep, Span
from espnet3_compiler.syntax.tree import Entry, Mapping, Node, Scalar, Sequence

N = TypeVar("N", bound=Node)


def with_provenance(node: N, step: ProvenanceStep) -> N:
    """Return a copy in which every node, keys too, came through one more station."""
    return cast("N", _add_provenance(node, step))


def _add_provenance(node: Node, step: ProvenanceStep) -> Node:
    via = (step, *node.via)
    if isinstance(node, Scalar):
        return Scalar(node.value, node.span, node.style, via)
    if isinstance(node, Sequence):
        return Sequence(tuple([_add_provenance(item, step) for item in node.items]), node.span, via)
    entries = [
        Entry(with_provenance(entry.key, step), _add_provenance(entry.value, step))
        for entry in node.entries
    ]
    return Mapping(tuple(entries), node.span, via)


def count_nodes(node: Node) -> int:
    """Return the number of nodes in a tree, keys not counted."""
    if isinstance(node, Mapping):
        return 1 + sum([count_nodes(entry.value) for entry in node.entries])
    if isinstance(node, Sequence):
        return 1 + sum(map(count_nodes, node.items))
    return 1


def placeholder(span: Span) -> Scalar:
    """Return what takes the place of something that could not be read.

    It looks like a reference, which every later step takes for a value it cannot judge, and its
    style tells the resolver that the mistake has been reported.
    """
    return Scalar("${}", span, "error")


def placeholder_for(node: Node) -> Scalar:
    """Return the stand-in for a node that has no value; a text stays for reports."""
    value = node.value if isinstance(node, Scalar) else "${}"
    return Scalar(value, node.span, "error", node.via)


def has_certain_keys(node: Node | None) -> bool:
    """Return whether all keys of a mapping could be read: if not, any key may be among them.

    What is no mapping has none that could not be read.
    """
    if not isinstance(node, Mapping):
        return True
    return not any(entry.key.style == "error" for entry in node.entries)


def is_placeholder(node: Node) -> bool:
    """Return whether a node takes the place of something that could not be read."""
    return isinstance(node, Scalar) and node.style == "error"
