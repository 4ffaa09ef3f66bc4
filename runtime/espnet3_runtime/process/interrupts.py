"""Ctrl-C, SIGTERM, SIGHUP, and SIGUSR1 of SLURM (``sbatch --signal=USR1@120``): save, then stop."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from types import FrameType
from typing import Any

_PATIENCE_SECONDS = 30
_SIGNAL_CODE = 128
"""Shells report a process ended by signal N as 128 + N: 130 for Ctrl-C, 143 for SIGTERM."""

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)
"""Signals that stop a run; SIGUSR1 in a job of SLURM only, SIGHUP unless ``nohup`` ignores it."""
BLOCKED = (*SIGNALS, signal.SIGCHLD)
"""Signals blocked while worker processes and their threads start; SIGCHLD makes PyTorch raise."""


class Terminated(KeyboardInterrupt):
    """A signal other than Ctrl-C came; libraries clean up as after Ctrl-C.

    Attributes:
        number: The signal.
    """

    def __init__(self, number: int = signal.SIGTERM) -> None:
        super().__init__()
        self.number = number


def exit_code_of(error: KeyboardInterrupt) -> int:
    """Return the exit code after an interrupt."""
    return _SIGNAL_CODE + (error.number if isinstance(error, Terminated) else signal.SIGINT)


class Interrupts:
    """Turns signals into a request that stages can poll, or into an exception.

    Inside :meth:`gracefully` the first signal only sets the request, and ``say`` prints that.
    Elsewhere, and for the second signal, the stage's code gets ``KeyboardInterrupt``.
    """

    def __init__(self, say: Callable[[str], None] = lambda _: None) -> None:
        self._say = say
        self._received: signal.Signals | None = None
        self._graceful = 0
        self._ignored = False
        self._owner = os.getpid()

    @property
    def received_signal(self) -> signal.Signals | None:
        """The first signal that came, if any."""
        return self._received

    def requested(self) -> bool:
        """Say whether a stop was requested."""
        return self._received is not None

    @property
    def exit_code(self) -> int:
        """The exit code of ``run.py`` after a stop; 143 when a stage stopped without a signal."""
        return _SIGNAL_CODE + (self._received or signal.SIGTERM)

    @contextmanager
    def gracefully(self) -> Iterator[None]:
        """Let the first signal set the request only; the block promises to poll it."""
        self._graceful += 1
        try:
            yield
        finally:
            self._graceful -= 1

    def ignore_signals(self) -> None:
        """Ignore further signals: the process is about to end."""
        self._ignored = True

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Listen to the signals while the block runs (in the main thread; elsewhere do nothing)."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        numbers = [
            signal.SIGINT,
            signal.SIGTERM,
            *([signal.SIGHUP] if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN else []),
            *([signal.SIGUSR1] if "SLURM_JOB_ID" in os.environ else []),
        ]
        before = {number: signal.getsignal(number) for number in numbers}
        try:
            for number in numbers:
                signal.signal(number, self._on_signal)
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _on_signal(self, number: int, frame: FrameType | None) -> Any:
        del frame
        if os.getpid() != self._owner:  # a forked worker ends as without this handler
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            return
        if self._ignored:
            return
        again = self._received is not None
        self._received = self._received or signal.Signals(number)
        if self._graceful and not again:
            self._say("stopping as soon as the state is saved; once more to stop at once")
            return
        raise KeyboardInterrupt if number == signal.SIGINT else Terminated(number)


def survive_signals(_worker: int = 0) -> None:
    """Let a loader's worker process survive signals that go to all processes of a job.

    The owner needs its workers to finish the step after which it saves, and ends them then.  A
    SIGTERM ends the worker half a minute later, a second one at once.
    """

    def leave_soon(_number: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.alarm(_PATIENCE_SECONDS)

    signal.signal(signal.SIGTERM, leave_soon)  # replaces that of PyTorch, which ends at once
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, BLOCKED)  # held back while the process started


@contextmanager
def hide_destructor_errors(expected: Callable[[BaseException | None], bool]) -> Iterator[None]:
    """Keep exceptions in destructors and threads off the screen where they are ``expected``.

    The main thread tells what caused them.
    """
    before = sys.unraisablehook, threading.excepthook

    def hook(show: Callable[[Any], Any], problem: Any) -> None:
        if not expected(problem.exc_value):
            show(problem)

    sys.unraisablehook, threading.excepthook = (partial(hook, show) for show in before)
    try:
        yield
    finally:
        sys.unraisablehook, threading.excepthook = before


def end_workers() -> None:
    """End the worker processes of loaders after a failure, without an exception of PyTorch's.

    They survive SIGTERM for half a minute, which Python would wait for at its end.
    """
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for child in multiprocessing.active_children():
        if child.daemon:
            child.kill()


def requeue(environ: Mapping[str, str] = os.environ) -> str:
    """Ask SLURM to run this job again, and return the result in one sentence.

    SLURM ends this process soon after, so it must be the last action.
    """
    job = environ["SLURM_JOB_ID"]
    if "SLURM_ARRAY_TASK_ID" in environ:
        job = f"{environ['SLURM_ARRAY_JOB_ID']}_{environ['SLURM_ARRAY_TASK_ID']}"
    command = ("scontrol", "requeue", job)
    try:
        subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    except subprocess.CalledProcessError as error:
        reason = (error.stderr or error.stdout).strip().partition("\n")[0]
        return f"SLURM does not run job {job} again ({reason}); submit it to go on"
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"SLURM was not asked to run job {job} again ({error}); submit it to go on"
    return f"SLURM runs job {job} again, which goes on from here"
