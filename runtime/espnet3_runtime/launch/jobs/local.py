"""Stages side by side on this machine, which share its cores and GPUs."""

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from espnet3_runtime.build.lock import Build
from espnet3_runtime.launch.jobs.devices import GpuPool
from espnet3_runtime.launch.jobs.order import StageOrder
from espnet3_runtime.launch.jobs.process import StageProcess, start_process
from espnet3_runtime.process.cores import machine_cores, share_of_cores
from espnet3_schemas.build_records import Stage


@dataclass
class LocalStages:
    """Starts stages on this machine.

    Attributes:
        build: The build.
        words: The command line of the user.
        most: How many stages run at a time.
        gpus: The GPUs that they share.
        width: Of the longest name of a stage.
    """

    build: Build
    words: Sequence[str]
    most: int
    gpus: GpuPool
    width: int

    def start(self, stage: Stage, order: StageOrder) -> StageProcess:
        """Start a stage with its share of the machine."""
        environ = {
            **os.environ,
            **share_of_cores(max(machine_cores() // self.most, 1)),
            **self.gpus.take(self.build, stage),
            **order.variables(),
        }
        command = run_command(self.build.directory, self.words)
        name = f"{stage.name:<{self.width}}"
        return start_process(name, command, environ, order.directory, order.lock)


def run_command(build: Path, words: Sequence[str]) -> list[str]:
    """Return the command that runs ``build/run.py`` as this process was run."""
    flags = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]  # noqa: SLF001
    return [sys.executable, *flags, str(build / "run.py"), *words]
