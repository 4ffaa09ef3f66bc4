"""What ``run.py`` looks at before its first stage, beside the imports that follow anyway."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.runtime.timing import Lap, Report, Verdict, middle, table

IMPORTS, LOOK = "the imports", "the look at all stages"
MOST_SECONDS = 1.0
PROGRAM = """
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, os.getcwd())
from espnet3_runtime.build.lock import load_build
from espnet3_runtime.incremental.experiment import Experiment
from espnet3_runtime.incremental.plan import plan_stages

build = load_build(Path("build"))
names = [stage.name for stage in build.stages]
verdicts = plan_stages(build, Experiment(build), names, force=True)
inputs = [verdict.inputs for verdict in verdicts]


def lap(work):
    start, clock = sum(os.times()[:4]), time.perf_counter()
    found = work()
    print(sum(os.times()[:4]) - start, time.perf_counter() - clock)
    return found


def imports():
    from espnet3_runtime.preflight.warm_imports import import_packages

    import_packages(build.recipe_dir, inputs, [])


def look():
    from espnet3_runtime.preflight.look import look_first
    from espnet3_runtime.systems.asr import ASRSystem

    return look_first(build, ASRSystem, build.stages, inputs)


lap(imports)
assert lap(look) == []
"""


def measure(directory: Path, rounds: int) -> Report:
    """Time both in fresh processes; the look counts with the process that it starts."""
    laps: dict[str, list[Lap]] = {IMPORTS: [], LOOK: []}
    for _ in range(rounds):
        for name, lap in zip(laps, _laps(directory), strict=True):
            laps[name].append(lap)
    value, spread = middle([lap.cpu for lap in laps[LOOK]])
    goal = f"<= {MOST_SECONDS:.2f} s"
    seconds = Verdict(f"preflight: {LOOK}, seconds", value, spread, goal, value <= MOST_SECONDS)
    pairs = zip(laps[IMPORTS], laps[LOOK], strict=True)
    share = middle([(one.cpu + other.cpu) / one.cpu for one, other in pairs])
    more = Verdict(f"preflight: with {IMPORTS} / these", *share, "", True)
    return Report(f"preflight of all stages\n{table(laps, 'run')}", [seconds, more])


def _laps(directory: Path) -> Sequence[Lap]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=directory, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    return [Lap(*map(float, line.split())) for line in done.stdout.splitlines()]
