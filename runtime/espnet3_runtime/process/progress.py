"""Progress of long work: a bar on a terminal, a line now and then elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, TextIO

from espnet3_runtime.stage import Bar
from espnet3_schemas.terminal import moves_cursor

_LEAST_SECONDS = 3.0


class Bars:
    """Makes progress bars on a stream, none when ``quiet``; see ``stage.Progress``."""

    def __init__(self, stream: TextIO | None = None, *, quiet: bool = False) -> None:
        self._stream = stream or sys.stderr
        self._quiet = quiet

    @contextmanager
    def __call__(self, description: str, total: int | None = None) -> Iterator[Bar]:
        """Return a bar for ``total`` items (None: unknown)."""
        if self._quiet:
            yield _HiddenBar()
        elif moves_cursor(self._stream):
            from tqdm import tqdm

            name = f"  {description}"
            with tqdm(
                desc=name, total=total, file=self._stream, dynamic_ncols=True, smoothing=0.1
            ) as bar:
                yield _TqdmBar(bar)
        else:
            lines = Lines(partial(print, file=self._stream, flush=True), f"  {description}", total)
            yield lines
            lines.close()


class _HiddenBar:
    def advance(self, count: int = 1) -> None:
        pass

    def note(self, text: str) -> None:
        pass


class _TqdmBar:
    def __init__(self, bar: Any) -> None:
        self._bar = bar

    def advance(self, count: int = 1) -> None:
        self._bar.update(count)

    def note(self, text: str) -> None:
        self._bar.set_postfix_str(text, refresh=False)


@dataclass
class Lines:
    """Prints lines such as ``reading: 240/2400 (10%), 872.8/s, 2.5 s left``.

    Attributes:
        write: Prints a line.
        description: What is counted.
        total: How many items there are; None when unknown.
        count: How many are done.
        seconds: The longest time between lines.
        part: The part of the work after which a line comes earlier; 0 for none.
    """

    write: Callable[[str], object]
    description: str
    total: int | None
    count: int = 0
    seconds: float = 30.0
    part: float = 0.1

    def __post_init__(self) -> None:
        self._first = self._shown_count = self.count
        self._start = self._shown = time.monotonic()
        self._note = ""

    def advance(self, count: int = 1) -> None:
        """Count some more items as done."""
        self.count += count
        now = time.monotonic()
        step = (self.total or 0) * self.part
        is_part = step and self.count - self._shown_count >= step
        if now - self._shown >= (_LEAST_SECONDS if is_part else self.seconds):
            self._write_line(now)

    def note(self, text: str) -> None:
        """Show a short text behind the next line."""
        self._note = text

    def close(self) -> None:
        """Print the last line, unless the end was shown already."""
        if self._shown_count < self.count or not self.count:
            self._write_line(time.monotonic())

    def _write_line(self, now: float) -> None:
        self._shown, self._shown_count = now, self.count
        seconds = max(now - self._start, 1e-9)
        rate = (self.count - self._first) / seconds
        parts = [f"{self.description}: {self.count}"]
        if self.total:
            parts[0] += f"/{self.total} ({self.count / self.total:.0%})"
        parts.append(f"{rate:.1f}/s" if rate >= 1 or not rate else f"{1 / rate:.1f} s each")
        if self.total and rate and self.count < self.total:
            parts.append(f"{format_duration((self.total - self.count) / rate)} left")
        else:
            parts.append(format_duration(seconds))
        self.write(", ".join([*parts, *([self._note] if self._note else [])]))


def format_duration(seconds: float) -> str:
    """Return a time as people say it: ``0.4 s``, ``12 s``, ``3 m 05 s``, ``2 h 10 m``."""
    if seconds < 10:  # noqa: PLR2004
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:  # noqa: PLR2004
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:  # noqa: PLR2004
        return f"{minutes} m {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} m"


def format_size(count: float) -> str:
    """Return a number of bytes as people say it: ``912 B``, ``3.3 MB``."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:  # noqa: PLR2004
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"
