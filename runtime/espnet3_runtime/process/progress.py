"""Progress bars on a terminal, a line now and then elsewhere."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from espnet3_runtime.stage import Bar

_EVERY_SECONDS = 30.0
_EVERY_PART = 0.1
_LEAST_SECONDS = 3.0


class Bars:
    """Makes progress bars; see ``stage.Progress``.

    Args:
        stream: Where bars go; a terminal gets moving ones.
        quiet: Show nothing (ranks other than 0).
    """

    def __init__(self, stream: TextIO | None = None, *, quiet: bool = False) -> None:
        self._stream = stream or sys.stderr
        self._quiet = quiet

    @contextmanager
    def __call__(self, description: str, total: int | None = None) -> Iterator[Bar]:
        """Return a bar for ``total`` items (None: unknown)."""
        if self._quiet:
            yield _SilentBar()
        elif self._stream.isatty():
            with _tqdm_bar(self._stream, description, total) as bar:
                yield bar
        else:
            lines = Lines(self._stream, description, total)
            yield lines
            lines.close()


class _SilentBar:
    def advance(self, count: int = 1) -> None:
        pass

    def note(self, text: str) -> None:
        pass


@contextmanager
def _tqdm_bar(stream: TextIO, description: str, total: int | None) -> Iterator[Bar]:
    from tqdm import tqdm

    with tqdm(
        desc=f"  {description}", total=total, file=stream, dynamic_ncols=True, smoothing=0.1
    ) as bar:
        yield _TqdmBar(bar)


class _TqdmBar:
    def __init__(self, bar: Any) -> None:
        self._bar = bar

    def advance(self, count: int = 1) -> None:
        self._bar.update(count)

    def note(self, text: str) -> None:
        self._bar.set_postfix_str(text, refresh=False)


class Lines:
    """Prints a line at every tenth of the work or half minute, and one at the end.

    Args:
        stream: Where lines go.
        description: What is counted.
        total: How many items there are.
    """

    def __init__(self, stream: TextIO, description: str, total: int | None) -> None:
        self._stream = stream
        self._description = description
        self._total = total
        self._start = self._told = time.monotonic()
        self._count = self._told_count = 0
        self._note = ""

    def advance(self, count: int = 1) -> None:
        """Count some more items as done."""
        self._count += count
        now = time.monotonic()
        step = (self._total or 0) * _EVERY_PART
        part = (
            bool(step)
            and self._count - self._told_count >= step
            and now - self._told >= _LEAST_SECONDS
        )
        if part or now - self._told >= _EVERY_SECONDS:
            self._print_line(now)

    def note(self, text: str) -> None:
        """Show a short text behind the next line."""
        self._note = text

    def close(self) -> None:
        """Print the last line, unless the end was told already."""
        if self._told_count < self._count or not self._count:
            self._print_line(time.monotonic())

    def _print_line(self, now: float) -> None:
        self._told, self._told_count = now, self._count
        seconds = max(now - self._start, 1e-9)
        rate = self._count / seconds
        parts = [f"  {self._description}: {self._count}"]
        if self._total:
            parts[0] += f"/{self._total} ({self._count / self._total:.0%})"
        parts.append(f"{rate:.1f}/s" if rate >= 1 or not rate else f"{1 / rate:.1f} s each")
        if self._total and 0 < self._count < self._total:
            parts.append(f"{format_duration((self._total - self._count) / rate)} left")
        else:
            parts.append(format_duration(seconds))
        parts += [self._note] if self._note else []
        print(", ".join(parts), file=self._stream, flush=True)


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
