"""What a process needs before it runs stages: a runner, ears for signals, and its turn."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from espnet3_runtime.build.lock import Build
from espnet3_runtime.errors import find_refusal
from espnet3_runtime.incremental.experiment import Experiment
from espnet3_runtime.launch import console
from espnet3_runtime.launch.failures import lost_a_worker
from espnet3_runtime.process.interrupts import Interrupts, hide_destructor_errors
from espnet3_runtime.process.lockfile import hold_lock
from espnet3_runtime.process.ranks import Rank
from espnet3_runtime.system import System

if TYPE_CHECKING:
    from espnet3_runtime.launch.stage_runner import StageRunner


def make_runner(system_cls: type[System], build: Build, rank: Rank) -> "StageRunner":
    """Return what runs the stages of a build in this process.

    Args:
        system_cls: The generated System.
        build: The compiled recipe.
        rank: This process among those of the run.
    """
    from espnet3_runtime.launch.stage_runner import StageRunner

    configs = {f"{name}_config": build.config(name) for name in build.configs}
    interrupts = Interrupts(lambda text: console.print_problem(f"stopping: {text}"))
    return StageRunner(
        build, system_cls(**configs), Experiment(build), interrupts, rank.number, rank.label
    )


_UNBORN = "'_MultiProcessingDataLoaderIter' object has no attribute"
"""What a loader says at its end when it could not start."""


@contextmanager
def handling_signals(runner: "StageRunner") -> Iterator[None]:
    """Listen to signals, and hide the exceptions that follow a stop."""
    interrupts = runner.interrupts

    def expected(error: BaseException | None) -> bool:
        full = find_refusal(error) or _UNBORN in str(error)
        return interrupts.requested() or lost_a_worker(error) or bool(full)

    with interrupts.installed(), hide_destructor_errors(expected):
        yield


@contextmanager
def stage_turn(build: Build, stage: str, *, elsewhere: bool = False) -> Iterator[None]:
    """Wait for a job of a cluster that still works on a stage, though its run has died.

    It may be saving what it has.  The lock of the experiment belongs to the machine of the run, so
    a stage on another one holds a lock of its own, which there is only where it was ever needed.

    Args:
        build: The compiled recipe.
        stage: The stage.
        elsewhere: Whether this process is such a job.
    """
    path = build.experiment / "stages" / f".{stage}.lock"
    if not elsewhere and not path.exists():
        yield
        return
    with hold_lock(path, f'the stage "{stage}"', waiting=console.print_line):
        yield
