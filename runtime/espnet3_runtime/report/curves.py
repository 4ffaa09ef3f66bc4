"""Learning curves: group the logged values into charts."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from espnet3_runtime.report.chart import Series, line_chart

Rows = Sequence[Mapping[str, Any]]
"""The rows of ``curves.jsonl`` of a training."""

ABOUT_ROW = frozenset(("at", "epoch", "step", "seconds"))
"""Keys of a row that are no measured values."""
_SPLITS = ("train", "valid")
_MOST_CHARTS = 60
_MOST_TIMES = 2000


@dataclass(frozen=True)
class Chart:
    """A chart with its title and the names of its lines, in the order of their colours."""

    title: str
    names: Sequence[str]
    svg: Markup


def training_charts(rows: Rows) -> list[Chart]:
    """Return the charts of a training: loss first, learning rates last.

    ``train/x`` and ``valid/x`` share the chart ``x``.
    """
    groups: dict[str, dict[str, list[tuple[float, float, str]]]] = {}
    for row in rows:
        for name, value in row.items():
            if name not in ABOUT_ROW and isinstance(value, int | float):
                split, slash, rest = name.partition("/")
                lines = groups.setdefault(rest if slash and split in _SPLITS else name, {})
                lines.setdefault(name, []).append((row["step"], value, row.get("at", "")))
    charts = []
    for title in sorted(groups, key=sort_key_of_chart)[:_MOST_CHARTS]:
        series = [_make_series(name, points) for name, points in sorted(groups[title].items())]
        svg = line_chart(series, "step", may_be_log="loss" in title, readable=True)
        charts.append(Chart(title, [line.name for line in series], svg))
    return charts


def step_times(rows: Rows) -> list[tuple[int, int, float | None]]:
    """Return (step, epoch, seconds of training) of the rows, thinned where there are many."""
    found = {row["step"]: (row["step"], row["epoch"], _seconds(row)) for row in rows}
    return [found[step] for step in sorted(found)][:: -(-len(found) // _MOST_TIMES) or 1]


def _seconds(row: Mapping[str, Any]) -> float | None:
    value = row.get("seconds")
    return value if isinstance(value, int | float) and math.isfinite(value) else None


def _make_series(name: str, points: list[tuple[float, float, str]]) -> Series:
    """Prefer values of every few steps to means of epochs, where there are both."""
    steps = [point for point in points if point[2] == "step"]
    chosen = steps or points
    return Series(name, [x for x, _, _ in chosen], [y for _, y, _ in chosen], marked=not steps)


def sort_key_of_chart(title: str) -> tuple[int, str]:
    """Return the place of a chart: loss first, learning rates last."""
    if title == "loss":
        return 0, title
    if title.startswith("lr") or "learning_rate" in title:
        return 3, title
    return (1 if "loss" in title else 2), title


def summarize_training(rows: Rows) -> str:
    """Return one line about a training: epochs, steps, and its lowest validation loss."""
    losses = [
        (row["valid/loss"], row["epoch"])
        for row in rows
        if isinstance(row.get("valid/loss"), int | float)
    ]
    counts = [(max(row[unit] for row in rows), unit) for unit in ("epoch", "step")]
    parts = [", ".join(f"{count} {unit}{'' if count == 1 else 's'}" for count, unit in counts)]
    seconds = max((_seconds(row) or 0.0 for row in rows), default=0.0)
    if seconds:
        parts.append(f"{max(row['step'] for row in rows) / seconds:.3g} steps a second")
    if losses:
        loss, epoch = min(losses)
        parts.append(f"lowest validation loss {loss:.4g} in epoch {epoch}")
    return "; ".join(parts)
