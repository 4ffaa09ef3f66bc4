"""The report of an experiment, written anew while a stage runs."""

import time
from dataclasses import dataclass
from logging import Logger

from espnet3_runtime.build.lock import Build
from espnet3_runtime.launch.failures import summarize_error

_SHARE = 0.05
"""Of the time at most, which is spent on writing it: with many utterances it takes seconds."""


@dataclass
class LiveReport:
    """Writes the report whenever it is called, unless that would cost too much.

    Attributes:
        build: The compiled recipe.
        log: Gets the reason, once, where it cannot be written; the stage goes on.
    """

    build: Build
    log: Logger
    _next: float = 0.0
    _failed: bool = False

    def __call__(self) -> None:
        """Write the report, if it is time."""
        from espnet3_runtime.report import write_report

        start = time.monotonic()
        if self._failed or start < self._next:
            return
        try:
            write_report(self.build.experiment, self.build)
        except Exception as error:  # noqa: BLE001 - reported
            self._failed = True
            self.log.warning("the report could not be written: %s", summarize_error(error))
        end = time.monotonic()
        self._next = end + (end - start) / _SHARE
