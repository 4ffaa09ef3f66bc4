"""The stage graph: dots below one another, arcs for what a stage needs; each row has a slice."""

from collections.abc import Sequence

from markupsafe import Markup

from espnet3_runtime.report.collect import StageView

ROW = 62  # pixels; the rows of the page have this height
_LANE, _MOST_LANES = 14, 4


def draw_graph(stages: Sequence[StageView]) -> tuple[list[Markup], int]:
    """Return one SVG for each row, and their width in pixels.

    Each row shows its part of one picture, so that a page of paper may end between any two rows.
    """
    places = {view.stage.name: number for number, view in enumerate(stages)}
    pairs = transitive_reduction(stages, places)
    x = 24 + max((_arc_reach(start, end) for start, end in pairs), default=0)
    arcs = [_draw_arc(x, start, end) for start, end in pairs]
    dots = [
        Markup('<circle class="dot {}" cx="{}" cy="{}" r="7"/>').format(
            view.status.replace(" ", "-"), x, _row_center(places[view.stage.name])
        )
        for view in stages
    ]
    width = x + 16
    spans = [
        *((_row_center(start), _row_center(end)) for start, end in pairs),
        *((_row_center(n), _row_center(n)) for n in range(len(dots))),
    ]
    drawn = list(zip(spans, [*arcs, *dots], strict=True))
    return [_row_slice(row, width, drawn) for row in range(len(stages))], width


def _row_slice(row: int, width: int, drawn: Sequence[tuple[tuple[int, int], Markup]]) -> Markup:
    """Return the part of the picture beside a row: what reaches into it, cut off at its edges."""
    top, bottom = row * ROW, (row + 1) * ROW
    parts = [part for (start, end), part in drawn if start < bottom and end > top]
    return Markup(
        '<svg class="graph" width="{}" height="{}" viewBox="0 {} {} {}" aria-hidden="true">{}</svg>'
    ).format(width, ROW, top, width, ROW, Markup("").join(parts))


def transitive_reduction(
    stages: Sequence[StageView], places: dict[str, int]
) -> list[tuple[int, int]]:
    """Return the edges that say something: one is left out when a longer way says it too."""
    direct = {
        places[view.stage.name]: {places[name] for name in view.stage.needs if name in places}
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
    """Return how far an arc goes to the left; the longer it is, the farther."""
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


def _row_center(place: int) -> int:
    return place * ROW + ROW // 2
