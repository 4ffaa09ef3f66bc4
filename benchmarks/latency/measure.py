"""CPU seconds of commands."""

import os
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Run:
    """One run of a command: user and system time of the process and its children, in seconds."""

    seconds: float
    code: int
    output: str


def run(command: Sequence[str | Path], directory: Path, environment: Mapping[str, str]) -> Run:
    """Run a command to its end; its stdout and stderr become one text."""
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            command, cwd=directory, env=environment, stdout=output, stderr=output
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read().decode(errors="replace")
    return Run(usage.ru_utime + usage.ru_stime, process.returncode, text)


def best_in_turn(count: int, *commands: Callable[[], Run]) -> list[Run]:
    """Return the cheapest of several runs of each command: what else the machine does only adds.

    They take turns, so that slow minutes of the machine meet all of them.
    """
    rounds = [[command() for command in commands] for _ in range(count)]
    return [min(runs, key=lambda each: each.seconds) for runs in zip(*rounds, strict=True)]
