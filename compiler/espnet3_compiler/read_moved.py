"""Trees and findings of a repaired text, told in places of the text as it was written."""

from collections.abc import Sequence as SequenceABC
from dataclasses import replace
from typing import NamedTuple

from espnet3_compiler.diagnostic import Diagnostic, Edit, Label
from espnet3_compiler.source import Source, Span, Step
from espnet3_compiler.tree import Entry, Mapping, Node, Scalar, Sequence


class Origin(NamedTuple):
    """Where the characters of a repaired text come from.

    Attributes:
        source: The text as it was written.
        offsets: For every offset of the repaired text, the end included, the one in the original.
    """

    source: Source
    offsets: SequenceABC[int]

    def span(self, span: Span) -> Span:
        """Return a stretch of the repaired text as one of the original."""
        start, end = self.offsets[span.start], self.offsets[span.end]
        return Span(self.source, start, max(start, end))


def moved_finding(finding: Diagnostic, origin: Origin) -> Diagnostic:
    """Return a finding with all its places in the original text."""
    fix = finding.fix
    if fix:
        fix = replace(fix, edits=tuple(Edit(origin.span(e.span), e.text) for e in fix.edits))
    return replace(
        finding,
        primary=_label(finding.primary, origin),
        related=tuple(_label(label, origin) for label in finding.related),
        fix=fix,
    )


def moved_node(node: Node, origin: Origin) -> Node:
    """Return a tree with all its places in the original text."""
    span = origin.span(node.span)
    via = tuple(Step(step.how, origin.span(step.span)) for step in node.via)
    if isinstance(node, Scalar):
        return Scalar(node.value, span, node.style, via)
    if isinstance(node, Sequence):
        return Sequence(tuple(moved_node(item, origin) for item in node.items), span, via)
    return Mapping(tuple(_entry(entry, origin) for entry in node), span, via)


def _entry(entry: Entry, origin: Origin) -> Entry:
    key = moved_node(entry.key, origin)
    assert isinstance(key, Scalar)
    return Entry(key, moved_node(entry.value, origin))


def _label(label: Label, origin: Origin) -> Label:
    return Label(origin.span(label.span), label.text)
