"""Stages as processes of this machine, which share its cores and GPUs."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from espnet3_runtime.build.lock import Build
from espnet3_runtime.launch.jobs.devices import GpuPool
from espnet3_runtime.launch.jobs.order import StageOrder
from espnet3_runtime.launch.jobs.output import copy_lines
from espnet3_runtime.process.cores import machine_cores, share_of_cores
from espnet3_schemas.build_records import Stage


@dataclass
class StageProcess:
    """A running stage.

    It leads a session of its own, so that a Ctrl-C of the terminal reaches the first process alone,
    which passes it on: its standard input is a pipe with a byte for each request to stop, which
    ends when that process dies.

    Attributes:
        process: The process.
        readers: Threads that print what it writes.
    """

    process: "subprocess.Popen[bytes]"
    readers: Sequence[threading.Thread] = ()

    def wait(self) -> int:
        """Wait for its end, and for its last line; return the exit code, minus a signal."""
        code = self.process.wait()
        if code < 0:  # its own processes were told nothing
            self.kill()
        for reader in self.readers:
            reader.join(_LAST_LINES_SECONDS)
        return code

    def interrupt(self) -> None:
        """Ask it to save and stop; a second time, to stop at once."""
        assert self.process.stdin is not None
        with suppress(OSError):
            os.write(self.process.stdin.fileno(), b".")

    def kill(self) -> None:
        """End it and all that it has started."""
        with suppress(OSError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def describe_end(self, code: int) -> str:
        """Return why it ended without a word."""
        return describe_exit(code)


_SIGNAL_CODE = 128
"""A process that handled signal N ends with 128 + N."""
_LAST_LINES_SECONDS = 5.0
"""A process that a stage left behind may keep the pipe open for ever."""


def describe_exit(code: int) -> str:
    """Return why a process ended that could not say so itself.

    Args:
        code: Its exit code, or minus the signal that ended it.
    """
    if 0 <= code <= _SIGNAL_CODE:
        return f"its process ended with exit code {code}, and without a result"
    number = -code if code < 0 else code - _SIGNAL_CODE
    try:
        name = signal.Signals(number).name
    except ValueError:  # a real-time signal
        name = f"signal {number}"
    if code > 0:
        return f"its process got {name} from elsewhere; run the same command again to go on"
    hint = "; often there is not enough memory for so many stages" if name == "SIGKILL" else ""
    return f"its process was killed by {name}{hint}"


def local_stages(
    build: Build, words: Sequence[str], most: int, gpus: GpuPool, width: int
) -> Callable[[Stage, StageOrder], StageProcess]:
    """Return what starts a stage on this machine, with its share of it.

    Args:
        build: The build.
        words: The command line of the user.
        most: How many stages run at a time.
        gpus: The GPUs that they share.
        width: Of the longest name of a stage.
    """
    cores = share_of_cores(max(machine_cores() // most, 1))

    def start(stage: Stage, order: StageOrder) -> StageProcess:
        process = subprocess.Popen(
            run_command(build.directory, words),
            env={**os.environ, **cores, **gpus.take(build, stage), **order.variables()},
            cwd=order.directory,
            start_new_session=True,
            pass_fds=() if order.lock is None else (order.lock,),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        name = f"{stage.name:<{width}}"
        readers = [
            threading.Thread(target=copy_lines, args=(name, source, stream), daemon=True)
            for source, stream in ((process.stdout, sys.stdout), (process.stderr, sys.stderr))
        ]
        for reader in readers:
            reader.start()
        return StageProcess(process, readers)

    return start


def run_command(build: Path, words: Sequence[str]) -> list[str]:
    """Return the command that runs ``build/run.py`` as this process was run."""
    flags = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]  # noqa: SLF001
    return [sys.executable, *flags, str(build / "run.py"), *words]
