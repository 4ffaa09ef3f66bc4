"""Where a node was written, as keys that can be compared and put into sets."""

from collections.abc import Iterable, Iterator

from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.diagnostics.source import Source, Span
from espnet3_compiler.syntax.tree import Entry, Mapping, Node, Scalar, Sequence

SpanKey = tuple[Source, int, int]


def span_key(span: Span) -> SpanKey:
    """Return a span as a key."""
    return span.source, span.start, span.end


def first_per_location(findings: Iterable[Diagnostic]) -> Iterator[Diagnostic]:
    """Yield the first finding of each place: what several stages read wrong is one mistake."""
    told: set[SpanKey] = set()
    for finding in findings:
        if span_key(finding.primary.span) not in told:
            told.add(span_key(finding.primary.span))
            yield finding


def is_written(node: Node) -> bool:
    """Return whether somebody wrote a node, or a part of it: it is no default of a schema."""
    if isinstance(node, Scalar):
        return node.span.source.kind != "schema"
    if isinstance(node, Sequence):
        return node.span.source.kind != "schema" or any(map(is_written, node.items))
    return any(is_written(entry.value) for entry in node) or (
        not node.entries and node.span.source.kind != "schema"
    )


def written_entry(node: Mapping, name: str) -> Entry | None:
    """Return an entry of a mapping that somebody wrote, with another value than null."""
    entry = node.entry(name)
    if entry is None or not is_written(entry.value):
        return None
    return None if isinstance(entry.value, Scalar) and entry.value.value is None else entry


def is_inherited(node: Node) -> bool:
    """Return whether a value came from another config."""
    return any(step.how == "extends" for step in node.via)
