"""The builder of the digits: its engine is optional, its workers never outlive a killed build."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.recipes.recipe_runs import copy_recipes, run

pytest.importorskip("espeakng_loader")
RECIPE = Path(__file__).parents[2] / "recipes" / "digits" / "asr"
BUILD = """
import sys
from dataset import DatasetBuilder
DatasetBuilder(data_dir=sys.argv[1]).build(sizes={"train": 20000}, seed=1)
"""


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="looks for children in /proc")
def test_workers_end_with_a_killed_build(tmp_path: Path) -> None:
    build = subprocess.Popen([sys.executable, "-c", BUILD, str(tmp_path)], cwd=RECIPE)
    workers = _wait(lambda: len(_children(build.pid)) == 2 and _children(build.pid), 60)
    build.send_signal(signal.SIGKILL)
    build.wait()
    assert _wait(lambda: not any(map(_is_alive, workers)), 20)


@pytest.mark.parametrize("recipe", ["asr", "keywords", "finetune"])
def test_only_building_needs_the_engine_and_says_what_to_install(
    tmp_path: Path, recipe: str
) -> None:
    folder = copy_recipes(tmp_path) / "digits" / recipe
    (tmp_path / "sitecustomize.py").write_text(
        'import sys\nsys.modules["espeakng_loader"] = None  # as if it were not installed\n'
    )
    hidden = {"PYTHONPATH": str(tmp_path)}
    compiled = run("-m", "espnet3_compiler", "--strict", "recipe.yaml", folder=folder, **hidden)
    assert compiled.returncode == 0, compiled.stderr
    done = run("build/run.py", "--stages", "create_dataset", folder=folder, **hidden)
    assert done.returncode == 1
    assert 'needs the package "espeakng-loader", which is not installed' in done.stderr
    assert "pip install espeakng-loader" in done.stderr
    assert "Traceback" not in done.stderr
    used = "from dataset import Dataset, DatasetBuilder; DatasetBuilder('data')"
    assert run("-c", used, folder=tmp_path / "recipes/digits/asr", **hidden).returncode == 0


def _children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    return [int(word) for word in text.split()]


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "zombie" not in Path(f"/proc/{pid}/status").read_text(encoding="ascii")


def _wait(holds, seconds: float):
    end = time.monotonic() + seconds
    while not (found := holds()) and time.monotonic() < end:
        time.sleep(0.05)
    assert found
    return found
