"""The jobs of ``docs/beside.md`` as they are written for LightningCLI and Hydra: all eight run."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

BESIDE = Path(__file__).parents[1] / "docs" / "examples" / "beside"
JSONARGPARSE = "jsonargparse[signatures]==4.53.0"
"""What the LightningCLI needs beside Lightning."""
ENDS = {
    "test": r"accuracy.*8\d\.\d",
    "sweep": r"0\.\d{4}.*\n.*0\.\d{4}.*\n.*1\.\d{4}.*\n.*1\.\d{4}",
    "curriculum": r"(?s)`max_epochs=2` reached.*`max_epochs=3` reached",
    "scores": r"'clean': 8\d\.\d+, 'noisy': [67]\d\.",
}


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with what only the LightningCLI needs."""
    target = tmp_path_factory.mktemp("packages")
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(target)]
    subprocess.run([*install, JSONARGPARSE], check=True)
    return target


@pytest.mark.timeout(600)
@pytest.mark.parametrize("job", ENDS)
@pytest.mark.parametrize("tool", ["lightning_cli", "hydra"])
def test_the_others_run(job: str, tool: str, packages: Path, tmp_path: Path) -> None:
    folder = tmp_path / job
    shutil.copytree(BESIDE / job / tool, folder)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(packages), "COLUMNS": "80"}
    done = subprocess.run(
        ["sh", "-e", "run.sh"],
        cwd=folder,
        env={**environment, "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    assert re.search(ENDS[job], done.stdout), done.stdout[-4000:]
