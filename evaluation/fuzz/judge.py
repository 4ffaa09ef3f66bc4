"""Runs one input and says how it ended; only a value, a report or a clean refusal is right."""

import signal
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Literal

from espnet3_runtime.errors import UserError

Ending = Literal["accepted", "refused", "fault"]
Try = Callable[[bytes], bool]
"""Takes an input; returns whether it was accepted.  A clean refusal may also be raised."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How an input ended.

    Attributes:
        ending: Accepted, refused (with a report), or a fault of ours.
        seconds: Of wall time.
        detail: Of a fault: the traceback, or that it hung.
    """

    ending: Ending
    seconds: float
    detail: str = ""


class HangError(BaseException):
    """Raised by the alarm; no handler of ordinary errors may swallow it."""


def judge(attempt: Try, data: bytes, limit: float) -> Verdict:
    """Run one input for at most ``limit`` seconds."""
    start = time.perf_counter()
    try:
        with _alarm(limit):
            accepted = attempt(data)
    except UserError:
        return Verdict("refused", time.perf_counter() - start)
    except HangError:
        return Verdict("fault", limit, f"it ran for more than {limit:g} s")
    except (Exception, SystemExit):  # noqa: BLE001 - whatever it is, it is what we look for
        return Verdict("fault", time.perf_counter() - start, traceback.format_exc(limit=-6))
    return Verdict("accepted" if accepted else "refused", time.perf_counter() - start)


@contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    def ring(_number: int, _frame: FrameType | None) -> None:
        raise HangError

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def shrink(attempt: Try, data: bytes, limit: float, tries: int = 400) -> bytes:
    """Return a shorter input that still is a fault: halves, then quarters … are left out."""
    size = max(len(data) // 2, 1)
    while tries > 0:
        for start in range(0, len(data), size):
            shorter = data[:start] + data[start + size :]
            tries -= 1
            if judge(attempt, shorter, limit).ending == "fault":
                data = shorter
                break
            if tries <= 0:
                break
        else:
            if size == 1:
                break
            size //= 2
    return data
