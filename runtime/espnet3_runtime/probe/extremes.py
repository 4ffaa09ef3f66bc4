"""Which items of a data set show whether all ids fit: those with the largest ones."""

import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

Pair = tuple[str, dict[str, Any]]

MOST = 64
SECONDS = 2.0


def spread(first: int, size: int) -> Iterator[int]:
    """Yield indices of items beyond the first ones, all over a data set, for a short time.

    Args:
        first: How many have been read.
        size: Number of items.
    """
    end = time.monotonic() + SECONDS
    step = max((size - first) / MOST, 1)
    for number in range(min(MOST, size - first)):
        if time.monotonic() > end:
            return
        yield first + int(number * step)


def with_largest(first: Sequence[Pair], more: Sequence[Pair]) -> list[Pair]:
    """Return the first samples, and for each field of whole numbers the one with the largest.

    One that is largest in several fields stands there once, and none where a first one is.
    """
    chosen = list(first)
    names = dict.fromkeys(name for _, sample in first for name in sample)
    for name in names:
        ranked = [pair for pair in (*chosen, *more) if _largest(pair[1].get(name)) is not None]
        if ranked:
            top = max(ranked, key=lambda pair: _largest(pair[1][name]) or 0)
            if not any(top is pair for pair in chosen):
                chosen.append(top)
    return chosen


def _largest(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, np.ndarray) and value.dtype.kind in "iu" and value.size:
        return int(value.max())
    return None
