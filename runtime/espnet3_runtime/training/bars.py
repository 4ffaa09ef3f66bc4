"""Bars for where there is no terminal (see ``stage.Bar``)."""

import time
from collections.abc import Callable

LINE_EVERY = 60.0
"""Seconds between lines within an epoch."""


class Nothing:
    """A bar that nobody sees."""

    def advance(self, count: int = 1) -> None:
        """Do nothing."""

    def note(self, text: str) -> None:
        """Do nothing."""


class Seldom:
    """Says a line every minute within a long epoch.

    Args:
        say: Prints a line.
        description: For example ``epoch 1/3``.
        total: Batches of the epoch, if known.
        done: Batches that were done before a resume.
    """

    def __init__(
        self, say: Callable[[str], None], description: str, total: int | None, done: int
    ) -> None:
        self._say = say
        self._description = description
        self._total = total
        self._count = self._first = done if done < (total or 0) else 0
        self._start = self._said = time.monotonic()
        self._note = ""

    def advance(self, count: int = 1) -> None:
        """Count batches."""
        self._count += count

    def note(self, text: str) -> None:
        """Say a line if it is time."""
        self._note = text
        now = time.monotonic()
        if now - self._said >= LINE_EVERY:
            self._said = now
            rate = (self._count - self._first) / (now - self._start)
            of = f"/{self._total}" if self._total else ""
            parts = [f"{self._description}: batch {self._count}{of}", f"{rate:.2g}/s"]
            if self._total:
                parts.append(f"{(self._total - self._count) / rate:.0f} s left")
            self._say(", ".join([*parts, self._note]))
