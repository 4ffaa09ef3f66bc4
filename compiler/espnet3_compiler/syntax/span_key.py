"""Spans as keys, and whether a node was written, inherited or is a default."""

from collections.abc import Iterable

from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.diagnostics.source import Source, Span
from espnet3_compiler.syntax.tree import Entry, Mapping, Node, Scalar, Sequence

SpanKey = tuple[Source, int, int]


def span_key(span: Span) -> SpanKey:
    """Return a span as a key."""
    return span.source, span.start, span.end


def first_per_location(findings: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Return the first finding at each span: what several stages read wrong is one mistake."""
    first: dict[SpanKey, Diagnostic] = {}
    for finding in findings:
        first.setdefault(span_key(finding.primary.span), finding)
    return list(first.values())


def is_written(node: Node) -> bool:
    """Return whether a node, or for a mapping a part of it, is no default of a schema."""
    if isinstance(node, Mapping) and node.entries:
        return any(is_written(value) for _, value in node.entries)
    if not node.span.source.holds_defaults:
        return True
    return isinstance(node, Sequence) and any(map(is_written, node.items))


def written_entry(node: Mapping, name: str) -> Entry | None:
    """Return an entry of a mapping that is no default, with another value than null."""
    entry = node.entry(name)
    if entry is None or not is_written(entry.value):
        return None
    return None if isinstance(entry.value, Scalar) and entry.value.value is None else entry


def is_inherited(node: Node) -> bool:
    """Return whether a value came from another config."""
    return any(step.how == "extends" for step in node.via)
