"""Signals that come while the processes of a loader start."""

import gc
import multiprocessing
import os
import signal
import time

import pytest

from espnet3_runtime.data.loader import SignalSafeLoader
from espnet3_runtime.process.interrupts import BLOCKED, SIGNALS, survive_signals


class Struck:
    """What a worker process begins with: the signals of its whole group, then patience."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __call__(self, worker: int) -> None:
        os.kill(os.getpid(), self.number)
        survive_signals(worker)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_process_that_is_struck_while_it_starts_loads_all_the_same(number: int) -> None:
    loader = SignalSafeLoader(range(8), num_workers=2, worker_init_fn=Struck(number), timeout=60)
    assert sorted(int(item) for item in loader) == list(range(8))


def test_the_owner_gets_its_signals_when_all_processes_are_started() -> None:
    loader = SignalSafeLoader(range(8), num_workers=1, worker_init_fn=survive_signals, timeout=60)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's & ignores it
    try:
        items = iter(loader)
        assert not signal.pthread_sigmask(signal.SIG_BLOCK, ()) & set(BLOCKED)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
        assert len(list(items)) == 8
    finally:
        signal.signal(signal.SIGINT, before)


class Frozen:
    """Says how many objects collections of garbage leave alone."""

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> int:
        return gc.get_freeze_count()


def test_processes_leave_the_objects_of_their_owner_alone() -> None:
    loader = SignalSafeLoader(Frozen(), num_workers=1, timeout=60)
    counts = [int(item) for item in loader]
    assert min(counts) > len(gc.get_objects()) / 2
    assert gc.get_freeze_count() == 0


class Killed:
    """Its second item ends the process that reads it."""

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> int:
        if index == 1:
            time.sleep(0.5)  # the first one gets through the queue's thread
            os.kill(os.getpid(), signal.SIGKILL)
        return index


@pytest.mark.parametrize("memory", [False, True])
def test_a_killed_process_is_noticed_where_its_batch_is_waited_for(*, memory: bool) -> None:
    loader = SignalSafeLoader(Killed(), num_workers=1, timeout=60, pin_memory=memory)
    items = iter(loader)
    assert int(next(items)) == 0
    (worker,) = multiprocessing.active_children()
    worker.join(30)  # PyTorch would raise here, or in an import that takes any error for its own
    with pytest.raises(RuntimeError, match="exited unexpectedly"):
        next(items)
