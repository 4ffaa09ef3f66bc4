"""Work that is spread over the cores of the machine."""

import gc
import os
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_all_start_methods, get_context
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
_PIECES = 8
"""Pieces of work for each process: those that are done early take from the others."""


def map_in_processes(function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """Return a function's results in the order of the items; the first is worked on here.

    What the first one reads (the signatures of libraries) is then known to all: processes are
    forked where that is possible.
    """
    first = function(items[0])
    count = min(_count_cores(), len(items) - 1)
    if count < 2:  # noqa: PLR2004 - one process more would do the same work
        return [first, *map(function, items[1:])]
    method = "fork" if "fork" in get_all_start_methods() else None
    gc.freeze()  # what is there already is not written to by the collector, and stays shared
    pieces = max(1, len(items) // (count * _PIECES))
    with ProcessPoolExecutor(count, get_context(method), initializer=_ignore_interrupts) as pool:
        return [first, *pool.map(function, items[1:], chunksize=pieces)]


def _ignore_interrupts() -> None:
    """Leave Ctrl-C to the process that reports."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _count_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
