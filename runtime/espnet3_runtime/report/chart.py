"""Line charts as inline SVG."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from markupsafe import Markup, escape

_WIDTH, _HEIGHT = 400, 230
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 12, 10, 40
_MOST_POINTS = 300
_NOISY = 60  # longer series are drawn faint, with a smooth line on top
_LOG_FROM = 60.0  # largest / smallest value from which on the axis is logarithmic


@dataclass(frozen=True)
class Series:
    """A named line.

    Attributes:
        name: Its name.
        xs: Positions of its points.
        ys: Their values.
        marked: Whether a dot is on every point.
        key: With which the script of a page finds the line.
    """

    name: str
    xs: Sequence[float]
    ys: Sequence[float]
    marked: bool = False
    key: str = ""


@dataclass(frozen=True)
class _AxisScale:
    """Maps values to positions on an axis."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def at(self, value: float) -> float:
        low, high = (math.log10(v) if self.log else v for v in (self.low, self.high))
        distance = (math.log10(value) if self.log else value) - low
        return self.start + (self.end - self.start) * distance / ((high - low) or 1)

    def tick_values(self) -> list[float]:
        if self.log:
            first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
            powers = [10.0**power for power in range(first, last + 1)]
            steps = (1, 2, 5) if last - first <= 2 else (1,)  # noqa: PLR2004
            found = [step * power for power in powers for step in steps]
            return [tick for tick in found if self.low <= tick <= self.high]
        step = _nice_step((self.high - self.low) / 5)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [number * step for number in range(first, last + 1)]


def line_chart(
    series: Sequence[Series], x_label: str, *, may_be_log: bool, readable: bool = False
) -> Markup:
    """Return an SVG of some lines over one pair of axes; it grows and shrinks with the page.

    Args:
        series: The lines.
        x_label: The unit of the horizontal axis, which starts at 0.
        may_be_log: Whether values that span orders of magnitude get a logarithmic axis.
        readable: Whether the values are in it too, for a script that shows them.
    """
    shown = [line for line in (_drop_nonfinite(line) for line in series) if line.xs]
    if not shown:
        return Markup("")
    x, y = _make_scales(shown, may_be_log=may_be_log)
    lines = [_draw_line(f"s{number % 6}", line, x, y) for number, line in enumerate(shown)]
    label = escape(", ".join(line.name for line in shown))
    values = _readable_values(shown, x, y) if readable else Markup("")
    return Markup('<svg viewBox="{}" role="img" aria-label="{}" class="chart"{}>{}</svg>').format(
        f"0 0 {_WIDTH} {_HEIGHT}",
        label,
        values,
        Markup("").join([_draw_grid(x, y, x_label), *lines]),
    )


def _readable_values(lines: Sequence[Series], x: _AxisScale, y: _AxisScale) -> Markup:
    """Return attributes with the drawn values and the axes, for ``charts.js``."""
    found = {
        "frame": [x.start, x.end, y.start, y.end],
        "x": [x.low, x.high],
        "y": [y.low, y.high, y.log],
        "lines": [
            {
                "name": line.name,
                "x": [line.xs[i] for i in _drawn_points(line)],
                "y": [float(f"{line.ys[i]:.6g}") for i in _drawn_points(line)],
            }
            for line in lines
        ],
    }
    text = json.dumps(found, separators=(",", ":"))
    return Markup(' tabindex="0" data-values="{}"').format(text)


def _drop_nonfinite(line: Series) -> Series:
    pairs = [
        (x, y) for x, y in zip(line.xs, line.ys, strict=True) if y is not None and math.isfinite(y)
    ]
    return replace(line, xs=[x for x, _ in pairs], ys=[y for _, y in pairs])


def _make_scales(lines: Sequence[Series], *, may_be_log: bool) -> tuple[_AxisScale, _AxisScale]:
    xs = [x for line in lines for x in line.xs]
    ys = [y for line in lines for y in line.ys]
    low, high = min(ys), max(ys)
    log = may_be_log and low > 0 and high / low > _LOG_FROM
    if not log:
        margin = (high - low) * 0.05 or abs(high) * 0.1 or 1.0
        low = low - margin if low < 0 or low - margin > 0 else min(low, 0.0)
        high += margin
    x = _AxisScale(min(0, *xs), max(xs), _LEFT, _WIDTH - _RIGHT)
    return x, _AxisScale(low, high, _HEIGHT - _BOTTOM, _TOP, log)


def _draw_grid(x: _AxisScale, y: _AxisScale, x_label: str) -> Markup:
    parts = []
    for tick in y.tick_values():
        height = f"{y.at(tick):.1f}"
        parts.append(
            Markup(
                '<path class="grid" d="M{} {}H{}"/><text x="{}" y="{}" class="y">{}</text>'
            ).format(_LEFT, height, _WIDTH - _RIGHT, _LEFT - 6, height, format_number(tick))
        )
    parts += [
        Markup('<text x="{}" y="{}" class="x">{}</text>').format(
            f"{x.at(tick):.1f}", _HEIGHT - _BOTTOM + 16, format_number(tick)
        )
        for tick in x.tick_values()
    ]
    note = f"{x_label} · log scale" if y.log else x_label
    label = Markup('<text x="{}" y="{}" class="x label">{}</text>')
    return Markup("").join([*parts, label.format(_WIDTH - _RIGHT, _HEIGHT - 5, note)])


def _draw_line(colour: str, line: Series, x: _AxisScale, y: _AxisScale) -> Markup:
    noisy = not line.marked and len(line.xs) > _NOISY
    smooth = {f"{colour} faint": line.ys, colour: _moving_average(line.ys)}
    chosen = _drawn_points(line)
    parts = []
    for name, ys in (smooth if noisy else {colour: line.ys}).items():
        points = " ".join(f"{x.at(line.xs[i]):.1f},{y.at(ys[i]):.1f}" for i in chosen)
        parts.append(Markup('<polyline class="{}" points="{}"/>').format(name, points))
    if line.marked:
        parts += [
            Markup('<circle class="{}" cx="{}" cy="{}" r="3.5"><title>{}</title></circle>').format(
                colour, f"{x.at(a):.1f}", f"{y.at(b):.1f}", f"{line.name} {b:.4g} at {a:.0f}"
            )
            for a, b in zip(line.xs, line.ys, strict=True)
        ]
    drawn = Markup("").join(parts)
    return Markup('<g data-key="{}">{}</g>').format(line.key, drawn) if line.key else drawn


def _drawn_points(line: Series) -> list[int]:
    """Return the numbers of the points that are drawn: every so many, and the last."""
    step = -(-len(line.xs) // _MOST_POINTS)
    return sorted({*range(0, len(line.xs), step), len(line.xs) - 1})


def _moving_average(values: Sequence[float]) -> list[float]:
    """Return the mean over a window around each value."""
    reach = max(len(values) // 40, 2)
    sums = [0.0]
    for value in values:
        sums.append(sums[-1] + value)
    bounds = ((max(i - reach, 0), min(i + reach + 1, len(values))) for i in range(len(values)))
    return [(sums[end] - sums[start]) / (end - start) for start, end in bounds]


def _nice_step(rough: float) -> float:
    if rough <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(rough))
    return next(step * power for step in (1, 2, 2.5, 5, 10) if step * power >= rough * 0.999)


def format_number(value: float) -> str:
    """Return a number in the short form of an axis."""
    if value and (abs(value) >= 1e5 or abs(value) < 1e-3):  # noqa: PLR2004
        mantissa, _, power = f"{value:.2e}".partition("e")
        return f"{mantissa.rstrip('0').rstrip('.')}e{int(power)}"
    return f"{value:.6g}"
