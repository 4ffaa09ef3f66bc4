"""Provenance that is added to nodes, and placeholders for values that could not be read."""

from espnet3_compiler.diagnostics.source import ProvenanceStep, Span
from espnet3_compiler.syntax.tree import Mapping, N, Node, Scalar, change_provenance, children


def with_provenance(node: N, *steps: ProvenanceStep) -> N:
    """Return a copy in which every node, keys too, came through more steps, the last one first."""
    return change_provenance(node, steps) if steps else node


def count_nodes(node: Node) -> int:
    """Return the number of nodes in a tree, keys not counted."""
    return 1 + sum([count_nodes(child) for _, child in children(node)])


def placeholder(span: Span) -> Scalar:
    """Return a node for something that could not be read.

    It looks like a reference, whose value no check knows, and its style says that the mistake has
    been reported.
    """
    return Scalar("${}", span, "error")


def placeholder_for(node: Node) -> Scalar:
    """Return the placeholder for a node that has no value; a text stays for reports."""
    value = node.value if isinstance(node, Scalar) else "${}"
    return Scalar(value, node.span, "error", node.via)


def has_certain_keys(node: Node | None) -> bool:
    """Return whether all keys of a mapping could be read: if not, any key may be among them."""
    keys = [key for key, _ in node.entries] if isinstance(node, Mapping) else []
    return "error" not in [key.style for key in keys]


def is_placeholder(node: Node) -> bool:
    """Return whether a node is a placeholder for something that could not be read."""
    return isinstance(node, Scalar) and node.style == "error"
