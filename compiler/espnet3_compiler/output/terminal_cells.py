"""Source lines as they look on a terminal: tabs, wide characters, control characters, width."""

import re
import unicodedata

from msgspec import Struct

TAB = 4
UNPRINTABLE_CATEGORIES = ("Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp")
MARGIN = 20


class DisplayLine(Struct, frozen=True):
    """A line for display and the cells that a span in it covers, from ``start`` to ``end``."""

    text: str
    start: int
    end: int


def escape_controls(text: str) -> str:
    """Return a text of a message without characters that would change the terminal."""
    names = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}
    return "".join(
        names.get(char, f"\\u{ord(char):04x}") if _is_unprintable(char) else char for char in text
    )


def fold_text(text: str, width: int | None, indent: str) -> list[str]:
    """Return a text in lines of at most ``width`` cells, broken between words.

    Args:
        text: One line.
        width: Available cells; None for as many as it takes. A longer word stays whole.
        indent: What stands before all lines but the first.
    """
    if width is None or cell_width(text) <= width:
        return [text]
    lines, line = [], ""
    for word in re.findall(r" *[^ ]+", text):
        if line.strip() and cell_width(line + word) > width:
            lines.append(line)
            line = indent + word.lstrip()
        else:
            line += word
    return [*lines, line]


def clip_line(line: str, start: int, end: int, width: int) -> DisplayLine:
    """Return a line for display, clipped around a span in it.

    Args:
        line: One source line.
        start: First code point of the span, counted from 0.
        end: The code point after the span.
        width: Available cells; a longer span is cut to them.
    """
    cells = _line_cells(line)
    edges = [0]
    for cell in cells:
        edges.append(edges[-1] + cell_width(cell))
    first, last = edges[min(start, len(cells))], edges[min(end, len(cells))]
    if edges[-1] <= width:
        return DisplayLine("".join(cells), first, max(last, first + 1))
    return _clip_cells(cells, edges, first, last, width)


def _clip_cells(
    cells: list[str], edges: list[int], first: int, last: int, width: int
) -> DisplayLine:
    """Keep the cells around a span, with an ellipsis on each clipped side."""
    left = max(0, min(first - MARGIN, last + MARGIN - width, edges[-1] - width))
    begin = next(i for i, edge in enumerate(edges) if edge >= left)
    stop = max(i for i, edge in enumerate(edges) if edge <= edges[begin] + width)
    head, tail = "…" if begin else "", "…" if stop < len(cells) else ""
    kept = cells[begin + len(head) : stop - len(tail)]
    text = head + "".join(kept) + tail
    offset = edges[begin + len(head)] - len(head)
    end = min(last - offset, sum(cell_width(cell) for cell in kept) + len(head))
    return DisplayLine(text, first - offset, max(end, first - offset + 1))


def _line_cells(line: str) -> list[str]:
    """Return what is shown for each code point."""
    cells: list[str] = []
    column = 0
    for char in line:
        cell = " " * (TAB - column % TAB) if char == "\t" else char
        cell = "\N{REPLACEMENT CHARACTER}" if _is_unprintable(cell) else cell
        cells.append(cell)
        column += cell_width(cell)
    return cells


def _is_unprintable(char: str) -> bool:
    return len(char) == 1 and unicodedata.category(char) in UNPRINTABLE_CATEGORIES


def cell_width(cell: str) -> int:
    """Return how many cells a text takes."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in cell
    )
