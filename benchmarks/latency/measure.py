"""Seconds of commands, on the CPU and on the clock."""

import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median


@dataclass(frozen=True)
class Run:
    """One run of a command.

    Attributes:
        seconds: On the CPU: user and system time of the process and its children.
        wall: Seconds on the clock.
        code: The exit code.
        output: What it printed, both streams together.
    """

    seconds: float
    wall: float
    code: int
    output: str


def run(command: Sequence[str | Path], directory: Path, environment: Mapping[str, str]) -> Run:
    """Run a command to its end; its stdout and stderr become one text."""
    start = time.perf_counter()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            command, cwd=directory, env=environment, stdout=output, stderr=output
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read().decode(errors="replace")
    return Run(usage.ru_utime + usage.ru_stime, wall, process.returncode, text)


def best_in_turn(count: int, *commands: Callable[[], Run]) -> list[Run]:
    """Return the cheapest of several runs of each command: what else the machine does only adds."""
    return [min(runs, key=lambda each: each.seconds) for runs in run_in_turn(count, *commands)]


def run_in_turn(count: int, *commands: Callable[[], Run]) -> list[tuple[Run, ...]]:
    """Return several runs of each command.

    They take turns, so that slow minutes of the machine meet all of them.
    """
    rounds = [[command() for command in commands] for _ in range(count)]
    return list(zip(*rounds, strict=True))


def median_quotient(runs: Sequence[Run], others: Sequence[Run]) -> float:
    """Return how many times the CPU seconds of other runs these take, each beside its own."""
    pairs = zip(runs, others, strict=True)
    return median(one.seconds / other.seconds for one, other in pairs)
