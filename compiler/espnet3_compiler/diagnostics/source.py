"""The texts of a recipe, and spans of them."""

from bisect import bisect_right
from functools import cached_property
from pathlib import Path
from typing import Literal

from msgspec import Struct

SourceKind = Literal["file", "set", "schema", "system"]


class Source(Struct, frozen=True, eq=False, dict=True):
    """One text: a YAML file, a ``--set`` argument, or the defaults of a schema or a System.

    Attributes:
        name: Its name in reports; for a file, its path relative to the working directory.
        text: The decoded text; every offset counts its code points.
        kind: ``file``, ``set``, ``schema``, or ``system`` for a file with defaults of a System.
        path: The absolute path of a file, otherwise None.
    """

    name: str
    text: str
    kind: SourceKind = "file"
    path: Path | None = None

    @property
    def holds_defaults(self) -> bool:
        """Whether the recipe has a value of it without writing it."""
        return self.kind in ("schema", "system")

    @cached_property
    def _line_starts(self) -> list[int]:
        return [0, *(i + 1 for i, char in enumerate(self.text) if char == "\n")]

    def line_column(self, offset: int) -> tuple[int, int]:
        """Return the line and column of an offset, both counted from 1."""
        line = bisect_right(self._line_starts, offset)
        return line, offset - self._line_starts[line - 1] + 1

    def line_text(self, line: int) -> str:
        """Return a line (counted from 1) without its line break."""
        start = self._line_starts[line - 1]
        end = self.text.find("\n", start)
        return self.text[start : end if end >= 0 else len(self.text)].rstrip("\r")


class Span(Struct, frozen=True):
    """A part of a source: code points ``start`` (included) to ``end`` (not included)."""

    source: Source
    start: int
    end: int

    @property
    def text(self) -> str:
        """The raw text of the span."""
        return self.source.text[self.start : self.end]

    def lies_in(self, outer: "Span") -> bool:
        """Return whether another span of the same source covers this one."""
        same = self.source is outer.source
        return same and outer.start <= self.start and self.end <= outer.end


class ProvenanceStep(Struct, frozen=True):
    """One step between the location where a value is written and the location where it is used.

    Attributes:
        how: ``alias``, ``merge``, ``extends``, ``interpolation``, ``default`` or ``set``.
        span: The location of the step, for example the ``${…}`` that fetched the value.
    """

    how: str
    span: Span


class Region(Struct, frozen=True):
    """Lines and columns from 1, in code points; the end is not included."""

    line: int
    column: int
    end_line: int
    end_column: int


def region_of(span: Span) -> Region:
    """Return where a span begins and ends."""
    source = span.source
    return Region(*source.line_column(span.start), *source.line_column(span.end))


def line_span(source: Source, line: int, column: int = 0, length: int = 0) -> Span:
    """Return a span on a line of a file; the rest of the line unless a length is given.

    Args:
        source: The file.
        line: The line, from 1.
        column: The column, from 1; that of the first character that is no blank unless given.
        length: How many characters.
    """
    text = source.line_text(line)
    column = column or len(text) - len(text.lstrip()) + 1
    start = sum(len(item) + 1 for item in source.text.split("\n")[: line - 1]) + column - 1
    return Span(source, start, start + (length or len(text.rstrip()) - column + 1))
