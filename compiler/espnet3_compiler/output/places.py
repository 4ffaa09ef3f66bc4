"""Spans in lines and columns, for the machine formats."""

from dataclasses import dataclass

from espnet3_compiler.source import Span


@dataclass(frozen=True, slots=True)
class Region:
    """Lines and columns from 1, in code points; the end is not included."""

    line: int
    column: int
    end_line: int
    end_column: int


def region(span: Span) -> Region:
    """Return where a span begins and ends."""
    source = span.source
    return Region(*source.line_column(span.start), *source.line_column(span.end))
