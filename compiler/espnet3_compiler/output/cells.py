"""Source lines as they look on a terminal: tabs, wide characters, control characters, width."""

import unicodedata
from dataclasses import dataclass

TAB = 4
SHADY = ("Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp")
MARGIN = 20


@dataclass(frozen=True, slots=True)
class Shown:
    """A line for display and the cells that a stretch of it covers, from ``start`` to ``end``."""

    text: str
    start: int
    end: int


def visible(text: str) -> str:
    """Return a text of a message without characters that would change the terminal."""
    return "".join(_escaped(char) if _is_shady(char) else char for char in text)


def shown(line: str, start: int, end: int, width: int) -> Shown:
    """Return a line for display, clipped around a stretch of it.

    Args:
        line: One source line.
        start: First code point of the stretch, counted from 0.
        end: The code point after the stretch.
        width: Cells that there are; the longest stretch is cut to them.
    """
    cells = _cells(line)
    edges = [0]
    for cell in cells:
        edges.append(edges[-1] + _width(cell))
    first, last = edges[min(start, len(cells))], edges[min(end, len(cells))]
    if edges[-1] <= width:
        return Shown("".join(cells), first, max(last, first + 1))
    return _clip(cells, edges, first, last, width)


def _clip(cells: list[str], edges: list[int], first: int, last: int, width: int) -> Shown:
    """Keep the cells around a stretch, with an ellipsis for what is left out on each side."""
    left = max(0, min(first - MARGIN, last + MARGIN - width, edges[-1] - width))
    begin = next(i for i, edge in enumerate(edges) if edge >= left)
    stop = max(i for i, edge in enumerate(edges) if edge <= edges[begin] + width)
    head, tail = "…" if begin else "", "…" if stop < len(cells) else ""
    kept = cells[begin + len(head) : stop - len(tail)]
    text = head + "".join(kept) + tail
    offset = edges[begin + len(head)] - len(head)
    end = min(last - offset, sum(_width(cell) for cell in kept) + len(head))
    return Shown(text, first - offset, max(end, first - offset + 1))


def _cells(line: str) -> list[str]:
    """Return what is shown for each code point."""
    cells: list[str] = []
    column = 0
    for char in line:
        cell = " " * (TAB - column % TAB) if char == "\t" else char
        cell = "\N{REPLACEMENT CHARACTER}" if _is_shady(cell) else cell
        cells.append(cell)
        column += _width(cell)
    return cells


def _is_shady(char: str) -> bool:
    return len(char) == 1 and char != " " and unicodedata.category(char) in SHADY


def _escaped(char: str) -> str:
    return {"\n": "\\n", "\t": "\\t", "\r": "\\r"}.get(char, f"\\u{ord(char):04x}")


def _width(cell: str) -> int:
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in cell
    )
