"""The stage graph: a dot for each stage, an arc for each stage that it needs; cut into rows."""

from collections.abc import Sequence

from markupsafe import Markup

from espnet3_runtime.report.collect import StageView

ROW = 62  # pixels; the rows of the page have this height
_LANE, _MOST_LANES = 14, 4


def draw_graph(stages: Sequence[StageView]) -> tuple[list[Markup], int]:
    """Return one SVG for each row, and their width in pixels.

    Each row shows its part of one picture, so that a page of paper may end between any two rows.
    """
    numbers = {view.stage.name: number for number, view in enumerate(stages)}
    pairs = transitive_reduction(stages, numbers)
    x = 24 + max((_arc_reach(start, end) for start, end in pairs), default=0)
    arcs = [_draw_arc(x, start, end) for start, end in pairs]
    width = x + 16
    slices = []
    for row, view in enumerate(stages):
        parts = [arc for (start, end), arc in zip(pairs, arcs, strict=True) if start <= row <= end]
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
    reach: dict[int, set[int]] = {}
    for end in sorted(direct):
        reach[end] = set(direct[end]).union(*(reach[start] for start in direct[end]))
    kept = []
    for end, starts in sorted(direct.items()):
        indirect: set[int] = set().union(*(reach[start] for start in starts))
        kept += [(start, end) for start in sorted(starts - indirect)]
    return kept


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
