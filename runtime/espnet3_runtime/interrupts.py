"""Ctrl-C, SIGTERM, and SIGUSR1 of SLURM (``sbatch --signal=USR1@120``): stop soon, lose nothing."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_PATIENCE_SECONDS = 30
SIGNAL_CODE = 128
"""Shells report a process ended by signal N as 128 + N: 130 for Ctrl-C, 143 for SIGTERM."""


class Terminated(KeyboardInterrupt):
    """A signal other than Ctrl-C came; libraries clean up as after Ctrl-C.

    Attributes:
        number: The signal.
    """

    def __init__(self, number: int = signal.SIGTERM) -> None:
        super().__init__()
        self.number = number


def code_of(error: KeyboardInterrupt) -> int:
    """Return the exit code after an interrupt."""
    return SIGNAL_CODE + (error.number if isinstance(error, Terminated) else signal.SIGINT)


def in_slurm() -> bool:
    """Say whether this is a job of SLURM, where SIGUSR1 asks to save and to be queued again."""
    return "SLURM_JOB_ID" in os.environ


class Interrupts:
    """Turns signals into a request that stages can poll, or into an exception.

    Inside :meth:`gracefully` the first signal only sets the request.  Elsewhere, and for the second
    signal, the stage's code gets ``KeyboardInterrupt``.

    Args:
        say: Told what happens, in one sentence.
    """

    def __init__(self, say: Callable[[str], None] = lambda _: None) -> None:
        self._say = say
        self._received: signal.Signals | None = None
        self._graceful = 0
        self._owner = os.getpid()

    @property
    def received(self) -> signal.Signals | None:
        """The first signal that came, if any."""
        return self._received

    def requested(self) -> bool:
        """Say whether somebody asked to stop."""
        return self._received is not None

    @property
    def exit_code(self) -> int:
        """What ``run.py`` returns after a stop; 143 when a stage stopped without a signal."""
        return SIGNAL_CODE + (self._received or signal.SIGTERM)

    @contextmanager
    def gracefully(self) -> Iterator[None]:
        """Let the first signal set the request only; the block promises to poll it."""
        self._graceful += 1
        try:
            yield
        finally:
            self._graceful -= 1

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Listen to the signals while the block runs (in the main thread; elsewhere do nothing)."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        numbers = [signal.SIGINT, signal.SIGTERM, *([signal.SIGUSR1] if in_slurm() else [])]
        before = {number: signal.getsignal(number) for number in numbers}
        try:
            for number in numbers:
                signal.signal(number, self._handle)
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _handle(self, number: int, frame: FrameType | None) -> Any:
        del frame
        if os.getpid() != self._owner:
            self._handle_in_worker(number)
            return
        again = self._received is not None
        self._received = self._received or signal.Signals(number)
        if self._graceful and not again:
            self._say("stopping as soon as the state is saved; once more to stop at once")
            return
        raise KeyboardInterrupt if number == signal.SIGINT else Terminated(number)

    def _handle_in_worker(self, number: int) -> None:
        """Handle what came to a forked worker: a terminal and SLURM signal all processes at once.

        Where the owner wants to save its state first it needs its workers, so they go on until it
        ends them; but a SIGTERM without an end does end them, some time later or the second time.
        """
        if not self._graceful or (number == signal.SIGTERM and self._received is not None):
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        if number == signal.SIGTERM:
            self._received = signal.SIGTERM
            signal.alarm(_PATIENCE_SECONDS)
