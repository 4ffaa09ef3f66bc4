"""Which tests run a line of the product, and how long each of them takes."""

import json
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import coverage

from evaluation.faults.model import PACKAGES, ROOT, Fault
from evaluation.faults.recorder import SECONDS

_LINES_OF_AN_EXPRESSION = 6
STARTED = "COVERAGE_PROCESS_START"
"""The variable that makes processes of tests measure themselves."""
CONFIG = """[run]
parallel = true
context = ${PYTEST_CURRENT_TEST-}
source = %s
data_file = %s
patch = _exit
disable_warnings = no-data-collected, module-not-measured, module-not-imported
"""


@dataclass(frozen=True)
class Cover:
    """The tests of every line.

    Attributes:
        data: The lines that each test ran.
        seconds: The duration of every test that passed.
    """

    data: coverage.CoverageData
    seconds: Mapping[str, float]

    def tests(self, fault: Fault) -> list[str]:
        """Return the tests that could notice a fault: those of its folder first, then quick files.

        They run its line, or stand in its folder in a file of which one test does: what a cache
        holds runs once.  A line within an expression need not be noted: those above it count then.
        """
        file, line, own = fault.file, fault.line, f"tests/{fault.room}/"
        there = (name for name in self.data.measured_files() if name.endswith(f"/{file}"))
        noted = self.data.contexts_by_lineno(next(there, file))  # perhaps of another checkout
        near = range(line, max(line - _LINES_OF_AN_EXPRESSION, 0), -1)
        contexts = next((noted[number] for number in near if noted.get(number)), ())
        names = {context.removesuffix(")").rpartition(" (")[0] or context for context in contexts}
        beside = {_file(name) for name in names if own in name}
        known = [name for name in self.seconds if name in names or _file(name) in beside]
        total: dict[str, float] = defaultdict(float)
        for name in known:
            total[_file(name)] += self.seconds[name]
        return sorted(known, key=lambda name: (own not in name, total[_file(name)], name))


def record(folder: Path, tests: Sequence[str] = ()) -> None:
    """Run the whole suite once under ``coverage``; some twenty minutes on two cores.

    Args:
        folder: Where it is noted.
        tests: Only these, in addition to what is noted there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    sources = ",".join(str(ROOT / package) for package in PACKAGES)
    config = folder / "record.ini"
    config.write_text(CONFIG % (sources, folder / "coverage"), encoding="utf-8")
    whole = [] if tests else [folder / "seconds", folder / "coverage"]
    for old in (*folder.glob("coverage.*"), *whole):
        old.unlink(missing_ok=True)
    words = ("-q", "-n", "2", "--dist", "worksteal", "-p", "evaluation.faults.recorder")
    command = [
        sys.executable,
        "-m",
        "coverage",
        "run",
        f"--rcfile={config}",
        "-m",
        "pytest",
        *words,
        *tests,
    ]
    _forget(folder / "seconds", tests)
    variables = {**os.environ, SECONDS: str(folder / "seconds"), STARTED: str(config)}
    subprocess.run(command, cwd=ROOT, env=variables, check=False)
    subprocess.run(
        [sys.executable, "-m", "coverage", "combine", "--append", f"--rcfile={config}", "-q"],
        cwd=ROOT,
        check=True,
    )


def _forget(seconds: Path, tests: Sequence[str]) -> None:
    """Remove the durations of tests that run again."""
    if tests and seconds.exists():
        lines = seconds.read_text(encoding="utf-8").splitlines(keepends=True)
        again = tuple(f'["{test}' for test in tests)
        seconds.write_text("".join(x for x in lines if not x.startswith(again)), encoding="utf-8")


def load(folder: Path) -> Cover:
    """Read what :func:`record` noted.

    Raises:
        FileNotFoundError: Nothing is noted there.
    """
    data = coverage.CoverageData(str(folder / "coverage"))
    data.read()
    seconds: dict[str, float] = defaultdict(float)
    failed = set()
    for line in (folder / "seconds").read_text(encoding="utf-8").splitlines():
        name, duration, outcome = json.loads(line)
        seconds[name] += duration
        if outcome != "passed":
            failed.add(name)
    return Cover(data, {name: took for name, took in seconds.items() if name not in failed})


def within(cover: Cover, tests: Sequence[str], limit: float) -> list[str]:
    """Return the first tests that together take no more than a time, at least one."""
    chosen: list[str] = []
    spent = 0.0
    for test in tests:
        spent += cover.seconds[test]
        if chosen and spent > limit:
            break
        chosen.append(test)
    return chosen


def _file(test: str) -> str:
    return test.partition("::")[0]
