"""The stage graph: a dot for each stage, an arc for each stage that it needs; cut into rows."""

from collections.abc import Iterable, Sequence
from functools import reduce
from operator import or_

from markupsafe import Markup

from espnet3_runtime.report.collect import StageView

ROW = 62  # pixels; the rows of the page have this height
_LANE, _MOST_LANES = 14, 4
_MOST_ROWS = 20  # at either end of an arc


def draw_graph(stages: Sequence[StageView]) -> tuple[list[Markup], int]:
    """Return one SVG for each row, and their width in pixels.

    Each row shows its part of one picture, so that a page of paper may end between any two rows.
    """
    numbers = {view.stage.name: number for number, view in enumerate(stages)}
    pairs = transitive_reduction(stages, numbers)
    x = 24 + max((_arc_reach(start, end) for start, end in pairs), default=0)
    arcs = [_draw_arc(x, start, end) for start, end in pairs]
    width = x + 16
    crossing: list[list[Markup]] = [[] for _ in stages]
    for (start, end), arc in zip(pairs, arcs, strict=True):
        for row in _drawn_rows(start, end):
            crossing[row].append(arc)
    slices = []
    for row, view in enumerate(stages):
        parts = crossing[row]
        dot = Markup('<circle class="dot {}" cx="{}" cy="{}" r="7"/>')
        parts.append(dot.format(view.status.replace(" ", "-"), x, _row_center(row)))
        slices.append(
            Markup(
                '<svg class="graph" width="{}" height="{}" viewBox="0 {} {} {}" aria-hidden="true">'
                "{}</svg>"
            ).format(width, ROW, row * ROW, width, ROW, Markup("").join(parts))
        )
    return slices, width


def transitive_reduction(
    stages: Sequence[StageView], numbers: dict[str, int]
) -> list[tuple[int, int]]:
    """Return the edges (start, end) that no longer path implies, as numbers of stages."""
    direct = {
        numbers[view.stage.name]: {numbers[name] for name in view.stage.needs if name in numbers}
        for view in stages
    }
    reach: dict[int, int] = {}  # of each stage those that it needs, near and far, as bits
    kept = []
    for end, starts in sorted(direct.items()):
        indirect = reduce(or_, (reach[start] for start in starts), 0)
        kept += [(start, end) for start in sorted(starts) if not indirect >> start & 1]
        reach[end] = reduce(or_, (1 << start for start in starts), indirect)
    return kept


def _drawn_rows(start: int, end: int) -> Iterable[int]:
    """Return the rows in which an arc is drawn: of a very long one those near its ends."""
    if end - start <= 2 * _MOST_ROWS:
        return range(start, end + 1)
    return (*range(start, start + _MOST_ROWS), *range(end - _MOST_ROWS + 1, end + 1))


def _arc_reach(start: int, end: int) -> int:
    """Return how far an arc goes to the left; a longer arc goes farther."""
    return _LANE * min(end - start - 1, _MOST_LANES)


def _draw_arc(x: int, start: int, end: int) -> Markup:
    top, bottom = _row_center(start), _row_center(end)
    if end == start + 1:
        return Markup('<path class="edge" d="M{} {}V{}"/>').format(x, top, bottom)
    # A Bézier curve reaches three quarters of the way to its control points.
    left = x - round((10 + _arc_reach(start, end)) / 0.75)
    return Markup('<path class="edge" d="M{} {}C{} {} {} {} {} {}"/>').format(
        x, top, left, top + ROW * 0.6, left, bottom - ROW * 0.6, x, bottom
    )


def _row_center(row: int) -> int:
    return row * ROW + ROW // 2
