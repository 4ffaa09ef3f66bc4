"""The ways to die."""

import os
import random
import resource
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
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
        stages: Where it is tried; everywhere when empty.
        watches: It chooses its moment itself: nothing is waited for before.
        again: The stage is done, and made once more.
    """

    name: str
    codes: tuple[int, ...]
    strike: Strike | None = None
    arm: Arm | None = None
    said: str = ""
    stages: tuple[str, ...] = ()
    watches: bool = False
    again: bool = False


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


def appearing(recipe: Path) -> Strike:
    """Kill as soon as there is another file or folder below a recipe, or a few more."""

    def strike(run: Run, random_: random.Random) -> bool:
        seen, more = _names(recipe), random_.choice((1, 1, 2, 3, 5, 8))
        while not run.ended():
            if len(_names(recipe) - seen) >= more:
                os.kill(run.pid, signal.SIGKILL)
                return True
        return False

    return strike


def _names(recipe: Path) -> set[str]:
    walks = (os.walk(recipe / top) for top in ("data", "exp"))
    return {f"{at}/{name}" for walk in walks for at, *names in walk for name in chain(*names)}


def exchanging(recipe: Path, stage: str, random_: random.Random) -> Callable[[], None]:
    """Die before the exchange of two directories, or at the first operation after it."""
    seen: list[str] = []
    early = random_.random() < 0.5

    def counts(event: str) -> bool:
        seen.append(event)
        return seen[-1 if early else -2 :][0].endswith("renameat2")

    return Tripwire(recipe, at=1, stage=stage, counts=counts).install


def half_written(size: int) -> Arm:
    """Die in the middle of writing one of the checkpoints."""

    def arm(recipe: Path, stage: str, random_: random.Random) -> Callable[[], None]:
        limit = limit_files(int(size * random_.uniform(0.02, 0.98)), torn=True)
        at = random_.randint(1, 3)
        return Tripwire(recipe, at=at, stage=stage, counts=_opens_checkpoint, death=limit).install

    return arm


def _opens_checkpoint(event: str) -> bool:
    return event.startswith("open ") and ".ckpt" in event


def leaving(counts: dict[str, int]) -> Arm:
    """Call ``os._exit(0)``, as code of a recipe may, while a stage makes its files."""

    def arm(recipe: Path, stage: str, random_: random.Random) -> Callable[[], None]:
        at = random_.randint(1, max(counts[stage] // 2, 1))
        return Tripwire(recipe, at=at, stage=stage, counts=_is_own, death=_leave).install

    return arm


def _is_own(event: str) -> bool:
    """Say whether an operation is one of a stage, not of its receipt or log."""
    return event.startswith(("open ", "os.")) and "/stages/" not in event and ".log" not in event


_PLAIN = os._exit


def _leave() -> None:
    if os._exit is not _PLAIN:  # between a stage and its receipt no code of a recipe runs
        os._exit(0)


def limited(sizes: dict[str, list[int]], *, torn: bool) -> Arm:
    """Let no file grow beyond a random size: die in the middle of a write, or see it fail."""

    def arm(_recipe: Path, stage: str, random_: random.Random) -> Callable[[], None]:
        size = int(random_.choice(sizes[stage]) * random_.uniform(0, 1))

        return limit_files(size, torn=torn)

    return arm


def limit_files(size: int, *, torn: bool) -> Callable[[], None]:
    """Return what lets no file of this process grow beyond a size."""

    def limit() -> None:
        if torn:
            signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return limit


_ENDED = "run the same command again to go on"
SIGNALS = (
    Blow("SIGKILL", (-9,), _send(signal.SIGKILL, group=False)),
    Blow("SIGKILL group", (-9,), _send(signal.SIGKILL, group=True)),
    Blow("SIGTERM", (143,), _send(signal.SIGTERM, group=False), said=_ENDED),
    Blow("SIGTERM group", (143,), _send(signal.SIGTERM, group=True), said=_ENDED),
    Blow("SIGINT", (130,), _send(signal.SIGINT, group=False), said=_ENDED),
    Blow("SIGINT group", (130,), _send(signal.SIGINT, group=True), said=_ENDED),
    Blow("SIGHUP", (129,), _send(signal.SIGHUP, group=False), said=_ENDED),
    Blow("SIGHUP group", (129,), _send(signal.SIGHUP, group=True), said=_ENDED),
)
TORN = Blow("torn write", (-signal.SIGXFSZ, 1), said="a worker process was killed")
FAILING = Blow("failing write", (1,), said="error:")
LOADER = Blow("loader's death", (1,), _worker(""), said="error:")
DASK = Blow("Dask worker's death", (1,), _worker("spawn_main"), said="cluster does not start")
