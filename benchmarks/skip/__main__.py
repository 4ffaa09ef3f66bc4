"""Measure how long it takes to settle that nothing has to run.

``python -m benchmarks.skip [--stages 100] [--runs 7] [--install]``

A chain of small stages runs once; then the same command is given again, in fresh processes that
take turns.  DVC and Snakemake run the same chain where they are installed beside this Python;
``--install`` installs them into a throw-away environment first.  Times are of the whole process,
the best of several: wall clock, and CPU (user and system), which another program on the machine
does not lengthen.  Exits 1 if ours takes longer than the goal for 100 stages, by the CPU time.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.latency.measure import Run, run
from benchmarks.skip.engines import ENGINES, Command, Engine, install, installed

GOAL = 0.3
"""Seconds for a hundred stages."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="benchmarks.skip", description=__doc__)
    parser.add_argument("--stages", type=int, default=100)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--install", action="store_true", help="install the other engines for it")
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        programs = Path(sys.executable).parent
        if options.install:
            programs = install(folder / "environment", [e.package for e in ENGINES if e.package])
        engines = [e for e in ENGINES if not e.package or installed(e.package, programs)]
        for engine in engines:
            _prepare(engine, folder, programs, options.stages)
        laps: dict[str, list[Run]] = {engine.name: [] for engine in engines}
        for _ in range(options.runs):
            for engine in engines:
                laps[engine.name].append(_again(engine, folder, programs))
    print(f"{options.stages} stages up to date, best of {options.runs}")
    print(f"{'':18} {'wall s':>8} {'CPU s':>8}")
    for name, times in laps.items():
        wall, cpu = min(lap.wall for lap in times), min(lap.seconds for lap in times)
        print(f"{name:18} {wall:8.2f} {cpu:8.2f}")
    for engine in ENGINES:
        if engine not in engines:
            print(f"{engine.name:18} is not installed; --install does it for this run")
    ours = min(lap.seconds for lap in laps[ENGINES[0].name])
    goal = GOAL * max(options.stages / 100, 1)
    print(f"goal: {goal:.2f} s of CPU: {'met' if ours <= goal else 'MISSED'}")
    return 0 if ours <= goal else 1


def _prepare(engine: Engine, folder: Path, programs: Path, stages: int) -> None:
    place = folder / engine.name
    place.mkdir()
    engine.write(place, stages)
    for command in engine.first(programs):
        _run(command, place, programs)


def _again(engine: Engine, folder: Path, programs: Path) -> Run:
    lap = _run(engine.again(programs), folder / engine.name, programs)
    if engine.settled not in lap.output:
        what = f"{engine.name} did not find everything up to date"
        raise SystemExit(f"{what}:\n{lap.output[-2000:]}")
    return lap


def _run(command: Command, place: Path, programs: Path) -> Run:
    path = f"{programs}{os.pathsep}{os.environ.get('PATH', '')}"
    environment = {**os.environ, "PATH": path, "DVC_NO_ANALYTICS": "1"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # modules are compiled once, as for a user
    done = run(command, place, environment)
    if done.code:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.output[-4000:]}")
    return done


if __name__ == "__main__":
    sys.exit(main())
