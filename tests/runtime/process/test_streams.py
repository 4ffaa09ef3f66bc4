"""What a run prints does not end it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.runtime.toy import Toy, chain

TALKING = """from pathlib import Path


def make(path, number):
    for line in range(4000):
        print(line, "caf\u00e9")
    Path(path).write_text(str(number))


def add(path, source, more=1):
    Path(path).write_text("1")
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Toy:
    recipe = chain(tmp_path / "recipe")
    recipe.file("src/steps.py", TALKING)
    return recipe


@pytest.mark.parametrize("redirection", ["| head -1", ">&-", ">&- 2>&-", "2>&1 | true"])
def test_nobody_reads(recipe: Toy, redirection: str) -> None:
    command = f"{sys.executable} build/run.py {redirection}; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", command], cwd=recipe.directory, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert recipe.receipt("third")["status"] == "done"


def test_an_encoding_without_the_letter(recipe: Toy) -> None:
    done = subprocess.run(
        [sys.executable, "build/run.py"],
        cwd=recipe.directory,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "3999 caf?" in done.stdout
