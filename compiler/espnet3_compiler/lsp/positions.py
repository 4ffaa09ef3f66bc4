"""Offsets of texts and the positions of the protocol, which count lines and code units."""

from lsprotocol.types import Location, Position, Range
from msgspec import Struct
from pygls.workspace import PositionCodec

from espnet3_compiler.diagnostics.source import Source, Span
from espnet3_compiler.filesystem import real_path


class Positions(Struct, frozen=True):
    """Converts in the encoding that the editor chose, UTF-16 unless it chose another.

    Attributes:
        codec: Counts the code units of a text.
        uris: What the editor calls the files that it has open, by path with links followed.
    """

    codec: PositionCodec
    uris: dict[str, str]

    def position(self, source: Source, offset: int) -> Position:
        """Return where an offset of a text lies."""
        line, column = source.line_column(offset)
        before = source.line_text(line)[: column - 1]
        return Position(line - 1, self.codec.client_num_units(before))

    def range(self, span: Span) -> Range:
        """Return the range of a span."""
        start = self.position(span.source, span.start)
        return Range(start, self.position(span.source, span.end))

    def offset(self, text: str, position: Position) -> int:
        """Return the offset of a position; the end of the line where the line is shorter."""
        lines = text.split("\n")
        if position.line >= len(lines):
            return len(text)
        line, units = lines[position.line], 0
        start = sum(len(one) + 1 for one in lines[: position.line])
        for column, letter in enumerate(line):
            if units >= position.character:
                return start + column
            units += self.codec.client_num_units(letter)
        return start + len(line)

    def location(self, span: Span) -> Location | None:
        """Return where a span of a file is; None for a text that is no file."""
        uri = self.uri(span.source)
        return Location(uri, self.range(span)) if uri else None

    def uri(self, source: Source) -> str | None:
        """Return what the editor calls a file; None for a text that is no file."""
        if source.path is None:
            return None
        return self.uris.get(str(real_path(source.path)), source.path.as_uri())
