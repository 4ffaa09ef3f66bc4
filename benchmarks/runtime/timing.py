"""Laps in CPU and wall seconds, taken in turns, and the table of what they say."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median, quantiles


@dataclass(frozen=True)
class Lap:
    """Seconds of this process on the CPU (all threads) and on the clock."""

    cpu: float
    wall: float

    def per(self, count: int) -> "Lap":
        """Return the seconds of one of ``count`` things."""
        return Lap(self.cpu / count, self.wall / count)


@dataclass(frozen=True)
class Goal:
    """``way`` may take at most ``most`` times as long as ``reference``."""

    way: str
    reference: str
    most: float


@dataclass(frozen=True)
class Verdict:
    """How a goal stands.

    Attributes:
        what: What is compared with what.
        value: Median over the rounds of the quotient.
        spread: Its first and third quartile.
        goal: The limit, in words.
        met: Whether the median keeps to it.
    """

    what: str
    value: float
    spread: tuple[float, float]
    goal: str
    met: bool


@dataclass(frozen=True)
class Report:
    """What a part of the benchmark found."""

    text: str
    verdicts: Sequence[Verdict]


class Clock:
    """A running lap."""

    def __init__(self) -> None:
        self._cpu, self._wall = time.process_time(), time.perf_counter()

    def lap(self) -> Lap:
        """Return the time since the clock was made."""
        return Lap(time.process_time() - self._cpu, time.perf_counter() - self._wall)


@contextmanager
def recorded(laps: list[Lap]) -> Iterator[None]:
    """Append the lap of a block."""
    clock = Clock()
    yield
    laps.append(clock.lap())


def in_turns(
    ways: Mapping[str, Callable[[], Lap]], rounds: int, *, warm: bool = True
) -> dict[str, list[Lap]]:
    """Run A B C, C B A, A B C, … so that what else the machine does meets all alike.

    One more round before, which does not count, warms the caches unless it is not wanted.
    """
    laps: dict[str, list[Lap]] = {name: [] for name in ways}
    order = list(ways)
    for number in range(0 if warm else 1, rounds + 1):
        for name in order if number % 2 else reversed(order):
            lap = ways[name]()
            if number:
                laps[name].append(lap)
    return laps


def table(laps: Mapping[str, Sequence[Lap]], unit: str) -> str:
    """Return a line a way: median and least milliseconds, ``unit`` per second."""
    lines = [f"  {'':<24}{'CPU ms':>10}{'least':>10}{'wall ms':>10}{'least':>10}{unit + '/s':>10}"]
    for name, some in laps.items():
        cpu, wall = [lap.cpu for lap in some], [lap.wall for lap in some]
        values = [1000 * value for value in (median(cpu), min(cpu), median(wall), min(wall))]
        shown = "".join(f"{value:10.2f}" for value in values)
        lines.append(f"  {name:<24}{shown}{1 / median(wall):10.1f}")
    return "\n".join(lines)


def verdict(part: str, laps: Mapping[str, Sequence[Lap]], goal: Goal) -> Verdict:
    """Compare two ways round by round in CPU seconds, which a busy machine distorts least."""
    pairs = zip(laps[goal.way], laps[goal.reference], strict=True)
    value, spread = middle([one.cpu / other.cpu for one, other in pairs])
    what = f"{part}: {goal.way} / {goal.reference}"
    return Verdict(what, value, spread, f"<= {goal.most:.2f}", value <= goal.most)


def middle(values: Sequence[float]) -> tuple[float, tuple[float, float]]:
    """Return the median, and the first and third quartile."""
    if len(values) == 1:
        return values[0], (values[0], values[0])
    first, second, third = quantiles(values, n=4, method="inclusive")
    return second, (first, third)


def standings(verdicts: Sequence[Verdict]) -> str:
    """Return how all goals stand, a line each."""
    width = max(len(one.what) for one in verdicts)
    lines = [f"  {'':<{width}}  median  middle half    goal"]
    for one in verdicts:
        low, high = one.spread
        word = "met" if one.met else "MISSED"
        lines.append(
            f"  {one.what:<{width}}  {one.value:6.3f}  {low:.3f}-{high:.3f}    {one.goal}  {word}"
        )
    return "\n".join(lines)
