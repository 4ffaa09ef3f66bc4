"""Laps in CPU and wall seconds, taken in turns, and the table of what they say."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median


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


def in_turns(ways: Mapping[str, Callable[[], Lap]], rounds: int) -> dict[str, list[Lap]]:
    """Run A B C, A B C, … so that what else the machine does meets all alike.

    One more round before, which does not count, warms the caches.
    """
    laps: dict[str, list[Lap]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, run in ways.items():
            lap = run()
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


def verdict(laps: Mapping[str, Sequence[Lap]], goal: Goal) -> str:
    """Return how two ways compare in CPU seconds, the measure that a busy machine distorts least.

    The quotient of the minima is held against the goal; the median of the quotients round by
    round and the quotient of the least wall times stand beside it.
    """
    ours, other = laps[goal.way], laps[goal.reference]
    least = min(lap.cpu for lap in ours) / min(lap.cpu for lap in other)
    pairs = median(a.cpu / b.cpu for a, b in zip(ours, other, strict=True))
    wall = min(lap.wall for lap in ours) / min(lap.wall for lap in other)
    word = "met" if least <= goal.most else "MISSED"
    return (
        f"  {goal.way} / {goal.reference}: "
        f"{least:.3f} (least CPU), {pairs:.3f} (rounds' median), "
        f"{wall:.3f} (least wall); goal {goal.most:.2f}: {word}"
    )
