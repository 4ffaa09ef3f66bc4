"""The ways to die."""

import os
import random
import resource
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from evaluation.kills.child import Run, command, members
from evaluation.kills.tripwire import Tripwire

Strike = Callable[[Run, random.Random], bool]
"""Strikes a running process; False when there was nothing to strike."""
Arm = Callable[[Path, str, random.Random], Callable[[], None]]
"""Given a recipe and a stage, returns what a child does to itself before it runs."""


@dataclass(frozen=True)
class Blow:
    """A way to die.

    Attributes:
        name: For the table.
        strike: What happens to a process that runs; None when the child does it itself.
        arm: What the child does to itself.
        codes: Exit codes that are right afterwards, minus the signal for one that was killed.
        said: What it has to print, unless it was killed or had finished.
    """

    name: str
    codes: tuple[int, ...]
    strike: Strike | None = None
    arm: Arm | None = None
    said: str = ""


def _send(number: int, *, group: bool) -> Strike:
    def strike(run: Run, _random: random.Random) -> bool:
        (os.killpg if group else os.kill)(run.pid, number)
        return True

    return strike


def _worker(pattern: str) -> Strike:
    """Kill one of the processes that work for a run, when it has some."""

    def strike(run: Run, random_: random.Random) -> bool:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and not run.ended():
            found = [pid for pid in members(run.pid) if pattern in command(pid)]
            if found:
                time.sleep(random_.uniform(0, 0.1))
                try:
                    os.kill(random_.choice(found), signal.SIGKILL)
                except ProcessLookupError:
                    continue
                return True
            time.sleep(0.005)
        return False

    return strike


def operation(counts: dict[str, int]) -> Arm:
    """Die at one of the operations on files that a stage makes."""

    def arm(recipe: Path, stage: str, random_: random.Random) -> Callable[[], None]:
        at = random_.randint(1, max(counts[stage], 1))
        return Tripwire(recipe, at=at, stage=stage).install

    return arm


def limited(sizes: dict[str, list[int]], *, torn: bool) -> Arm:
    """Let no file grow beyond a random size: die in the middle of a write, or see it fail."""

    def arm(_recipe: Path, stage: str, random_: random.Random) -> Callable[[], None]:
        size = int(random_.choice(sizes[stage]) * random_.uniform(0, 1))

        def limit() -> None:
            if torn:
                signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

        return limit

    return arm


_ENDED = "run the same command again to go on"
SIGNALS = (
    Blow("SIGKILL", (-9,), _send(signal.SIGKILL, group=False)),
    Blow("SIGKILL group", (-9,), _send(signal.SIGKILL, group=True)),
    Blow("SIGTERM", (143,), _send(signal.SIGTERM, group=False), said=_ENDED),
    Blow("SIGTERM group", (143,), _send(signal.SIGTERM, group=True), said=_ENDED),
    Blow("SIGINT", (130,), _send(signal.SIGINT, group=False), said=_ENDED),
    Blow("SIGINT group", (130,), _send(signal.SIGINT, group=True), said=_ENDED),
)
TORN = Blow("torn write", (-signal.SIGXFSZ, 1), said="a worker process was killed")
FAILING = Blow("failing write", (1,), said="error:")
LOADER = Blow("loader's death", (1,), _worker(""), said="error:")
DASK = Blow("Dask worker's death", (1,), _worker("spawn_main"), said="cluster does not start")
