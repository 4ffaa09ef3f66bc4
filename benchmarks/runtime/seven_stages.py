"""All seven stages of recipes/mini_an4/asr in one ``run.py``, beside the imports that they need."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.runtime.timing import Lap, Report, Verdict, in_turns, middle, table
from evaluation.recipes import GENERATED, RECIPES, settings

STAGES, IMPORTS = "run.py --stages all", "import torch, Lightning"
MOST_SECONDS = 6.0
ARCHIVE = "ESPNET3_AN4_ARCHIVE"
"""The path of ``downloads.tar.gz``, where pip cannot fetch it."""


def measure(directory: Path, rounds: int) -> Report:
    """Time both in processes of their own; what the stages made before is removed each time."""
    recipe = directory / "mini_an4"
    shutil.copytree(RECIPES / "mini_an4" / "asr", recipe, ignore=GENERATED)
    given = os.environ.get(ARCHIVE)
    sets = [f"training.create_dataset.archive={given}"] if given else []
    _time(recipe, "-m", "espnet3_compiler", "recipe.yaml", *settings(sets))
    _time(recipe, "build/run.py", "--stages", "create_dataset")  # fetches the archive

    def stages() -> Lap:
        for name in ("exp", "data/an4/wav", "data/an4/corpus.txt"):
            path = recipe / name
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        return _time(recipe, "build/run.py", "--stages", "all")

    def imports() -> Lap:
        return _time(recipe, "-c", "import torch, lightning.pytorch")

    laps = in_turns({STAGES: stages, IMPORTS: imports}, rounds)
    value, spread = middle([lap.wall for lap in laps[STAGES]])
    goal = f"<= {MOST_SECONDS:.2f} s"
    seconds = Verdict(
        "seven stages of mini_an4, seconds", value, spread, goal, value <= MOST_SECONDS
    )
    pairs = zip(laps[STAGES], laps[IMPORTS], strict=True)
    share = middle([one.cpu / other.cpu for one, other in pairs])
    times = Verdict(f"seven stages: CPU of {STAGES} / {IMPORTS}", *share, "", True)
    return Report(f"seven stages of mini_an4\n{table(laps, 'run')}", [seconds, times])


def _time(directory: Path, *command: str) -> Lap:
    before, clock = os.times(), time.perf_counter()
    _call(directory, command)
    wall, after = time.perf_counter() - clock, os.times()
    used = after.children_user + after.children_system
    return Lap(used - before.children_user - before.children_system, wall)


def _call(directory: Path, command: Sequence[str]) -> None:
    done = subprocess.run(
        [sys.executable, *command], cwd=directory, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
