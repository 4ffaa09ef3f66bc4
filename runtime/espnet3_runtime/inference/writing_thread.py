"""A thread that writes results, in their order, while the model decodes what follows."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from queue import Empty, Queue
from threading import Event, Thread
from typing import Any, Self

import numpy as np

_WAITING = 2  # batches, beside the one that is being written
_PATIENCE_SECONDS = 5.0
"""So long an interrupted run waits for the item that is being written."""


class WritingThread:
    """Calls functions one after another in a thread, of which a few wait at most.

    What one of them raises ends the thread's work, and is raised by the next :meth:`submit` or at
    the end of the block, where it goes before an exception that came later.  After Ctrl-C the
    thread leaves out what waits.
    """

    def __init__(self) -> None:
        self._calls: Queue[tuple[Callable[..., None], tuple[Iterable[Any], ...]] | None]
        self._calls = Queue(_WAITING)
        self._error: BaseException | None = None
        self._stopped = False
        # Thread.join of Python 3.11 takes a thread for ended once Ctrl-C interrupts it.
        self._ended = Event()
        # A daemon, because Python would wait for ever at its end for a write that hangs.
        self._thread = Thread(target=self._work, name="writing", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        finishes = error is None or isinstance(error, Exception)
        try:
            if finishes:
                self._calls.put(None)
                self._ended.wait()
        finally:
            self._give_up()  # Ctrl-C comes before the block's end, or while this waits for it
        if finishes and self._error not in (None, error):
            raise self._error

    def _give_up(self) -> None:
        """End the thread after the item that it writes, unless it has ended."""
        self._stopped = True
        with suppress(Empty):
            while True:
                self._calls.get_nowait()
        self._calls.put_nowait(None)
        if self._ended.wait(_PATIENCE_SECONDS):
            self._thread.join()

    def submit(self, function: Callable[..., None], *columns: Iterable[Any]) -> None:
        """Let the thread call a function as ``map`` does, once few enough calls wait."""
        if self._error is not None:
            raise self._error
        self._calls.put((function, columns))

    def _work(self) -> None:
        for function, columns in iter(self._calls.get, None):
            try:
                for arguments in zip(*columns, strict=True):
                    if self._stopped:
                        break
                    function(*arguments)
            except BaseException as error:  # noqa: BLE001 - the owner raises it
                self._error, self._stopped = error, True
        self._ended.set()


def own_value(value: Any) -> Any:
    """Return a value that stays as it is, also where a model fills the same array at each call."""
    if hasattr(value, "detach"):
        return value.detach().to("cpu", copy=True)
    if isinstance(value, np.ndarray):
        return value.copy()
    if type(value) in (list, tuple):
        return type(value)(map(own_value, value))
    if type(value) is dict:
        return {name: own_value(item) for name, item in value.items()}
    return value
