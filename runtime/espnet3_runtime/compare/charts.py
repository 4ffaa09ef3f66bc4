"""The curves of several runs over each other: a chart for each measured value."""

from collections.abc import Mapping

from espnet3_runtime.report.chart import Series, line_chart
from espnet3_runtime.report.curves import ABOUT_ROW, Chart, Rows, sort_key_of_chart

_MOST_CHARTS = 8
_TWO = 2


def overlaid_charts(trainings: Mapping[str, tuple[str, Rows]]) -> list[Chart]:
    """Return the charts of several trainings: losses of validation first, learning rates last.

    Args:
        trainings: By key, with which the page finds a line: name and rows of ``curves.jsonl``.
    """
    lines: dict[str, list[Series]] = {}
    for key, (name, rows) in trainings.items():
        for title, points in _points_by_title(rows).items():
            xs, ys = [step for step, _ in points], [value for _, value in points]
            marked = len(points) <= _MARKED
            lines.setdefault(title, []).append(Series(name, xs, ys, marked=marked, key=key))
    titles = sorted(lines, key=_sort_key)[:_MOST_CHARTS]
    return [
        Chart(
            title,
            [line.name for line in lines[title]],
            line_chart(lines[title], "step", may_be_log="loss" in title),
        )
        for title in titles
    ]


_MARKED = 40
"""Longer lines have no dots."""


def _points_by_title(rows: Rows) -> dict[str, list[tuple[float, float]]]:
    """Return the means of epochs; of a training with fewer than two, values of every few steps."""
    at = {span: _points_at(rows, span) for span in ("epoch", "step")}
    longest = max((len(points) for points in at["epoch"].values()), default=0)
    return at["epoch"] if longest >= _TWO or not at["step"] else {**at["step"], **at["epoch"]}


def _points_at(rows: Rows, span: str) -> dict[str, list[tuple[float, float]]]:
    found: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        if row.get("at") == span:
            for name, value in row.items():
                if name not in ABOUT_ROW and isinstance(value, int | float):
                    found.setdefault(name, []).append((row["step"], value))
    return found


def _sort_key(title: str) -> tuple[int, bool, str]:
    place, name = sort_key_of_chart(title.removeprefix("train/").removeprefix("valid/"))
    return place, title.startswith("train/"), name
