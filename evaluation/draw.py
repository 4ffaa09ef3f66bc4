"""Draw from groups of different sizes, as evenly as they allow."""

import random
from collections.abc import Iterable, Sequence
from typing import TypeVar

T = TypeVar("T")


def evenly(groups: Iterable[Sequence[T]], count: int, rng: random.Random) -> list[T]:
    """Return about ``count`` members; what small groups lack, larger ones give."""
    drawn: list[T] = []
    left = sorted(groups, key=len)
    for position, group in enumerate(left):
        share = -(-(count - len(drawn)) // (len(left) - position))
        drawn += rng.sample(group, min(max(share, 0), len(group)))
    return drawn
