"""Find the items of a data set with the largest ids: they show whether all ids fit."""

import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

import numpy as np

Pair = tuple[str, dict[str, Any]]

_MOST = 64
_SECONDS = 2.0


def spread_indices(first: int, size: int) -> Iterator[int]:
    """Yield indices of items beyond the ``first`` ones, all over a data set, for a short time."""
    end = time.monotonic() + _SECONDS
    step = max((size - first) / _MOST, 1)
    for number in range(min(_MOST, size - first)):
        if time.monotonic() > end:
            return
        yield first + int(number * step)


def with_largest(first: Sequence[Pair], more: Iterable[Pair]) -> list[Pair]:
    """Return the first samples, and for each integer field the one of ``more`` with the largest id.

    Only the largest so far are kept while reading: items may be long.
    """
    names = dict.fromkeys(name for _, sample in first for name in sample)
    best: dict[str, tuple[int, Pair]] = {}
    for pair in chain(first, more):
        for name in names:
            value = _largest_id(pair[1].get(name))
            if value is not None and (name not in best or value > best[name][0]):
                best[name] = value, pair
    chosen = list(first)
    for _, pair in best.values():
        if not any(pair is other for other in chosen):
            chosen.append(pair)
    return chosen


def _largest_id(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, np.ndarray) and value.dtype.kind in "iu" and value.size:
        return int(value.max())
    return None
