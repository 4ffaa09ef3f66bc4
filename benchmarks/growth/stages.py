"""Checks, builds and runs of recipes with many stages, and checks of many manifests."""

import math
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.growth.manifests import FORMS, write_experiments
from benchmarks.latency.measure import Run, run

COMPILE = (sys.executable, "-m", "espnet3_compiler")
RUN = (sys.executable, "build/run.py")
STEPS = {
    "check": (*COMPILE, "--check", "recipe.yaml"),
    "build": (*COMPILE, "recipe.yaml"),
    "--list": (*RUN, "--list"),
    "--dry_run": (*RUN, "--dry_run"),
}
RUNNING = "chain of calls"
"""The form that is run as well: its stages take no time themselves."""


def measure_stages(sizes: tuple[int, int]) -> None:
    """Print the CPU seconds of each step for two numbers of stages, and the growth."""
    print(f"seconds of the CPU for {sizes[0]:,} and {sizes[1]:,} stages, and the growth")
    for form in FORMS:
        found = [_measure_form(form, size) for size in sizes]
        print(f"\n{form}")
        for step in found[0]:
            few, many = (laps[step] for laps in found)
            growth = math.log(many / few) / math.log(sizes[1] / sizes[0])
            print(f"  {step:28}{few:9.2f}{many:9.2f}{growth:9.2f}")


def _measure_form(form: str, size: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="espnet3-growth-") as name:
        folder = Path(name)
        FORMS[form](folder, size)
        laps = {step: checked(command, folder).seconds for step, command in STEPS.items()}
        if form == RUNNING:
            laps |= _measure_runs(folder, size)
        return laps


def _measure_runs(folder: Path, size: int) -> dict[str, float]:
    """Run all stages, then nothing, then the last one, after which the report is written."""
    first = checked(RUN, folder).seconds
    nothing = checked(RUN, folder).seconds
    last = checked((*RUN, "--stages", f"s{size - 1}", "--force"), folder).seconds
    return {"all stages": first, "nothing to do": nothing, "one stage, and the report": last}


def measure_manifests(count: int) -> None:
    """Print the seconds of one call for many manifests, on one core and on all."""
    with tempfile.TemporaryDirectory(prefix="espnet3-growth-") as name:
        folder = Path(name)
        write_experiments(folder, 3)
        names = [f"recipe_{number}.yaml" for number in range(count)]
        for each in names:
            shutil.copy(folder / "recipe.yaml", folder / each)
        command = (*COMPILE, "--check", *names)
        cores = sorted(os.sched_getaffinity(0))
        every = checked(command, folder)
        os.sched_setaffinity(0, cores[:1])
        try:
            one = checked(command, folder)
        finally:
            os.sched_setaffinity(0, cores)
    print(f"\n{count:,} manifests in one call: {one.wall:.1f} s on one core, ", end="")
    print(f"{every.wall:.1f} s on {len(cores)} ({one.wall / every.wall:.2f} times as fast)")


def checked(command: Sequence[str], folder: Path) -> Run:
    """Run a command in a folder; its failure ends the benchmark."""
    done = run(command, folder, {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
    if done.code:
        raise SystemExit(f"{' '.join(command[:4])} failed:\n{done.output[-4000:]}")
    return done
