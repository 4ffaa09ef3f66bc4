"""What earlier stages made is altered by somebody else while a run is under way."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.runtime.toy import Toy

STEPS = """import time
from pathlib import Path


def make(path):
    Path(path).write_text("mine")


def wait(begun):
    Path(begun).touch()
    while not Path(begun + ".over").exists():
        time.sleep(0.01)


def read(source, path, begun=None):
    text = Path(source).read_text()
    if begun:
        wait(begun)
    Path(path).write_text(text + " read")


def build(folder, begun):
    log = Path(folder, "log.txt")
    if log.exists():
        text = log.read_text()
        log.write_text(text + ("found " if text.endswith("ended ") else "both "))
        return
    log.write_text("began ")
    wait(begun)
    log.write_text("began ended ")
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Toy:
    toy = Toy(tmp_path / "recipe")
    toy.file("src/steps.py", STEPS)
    toy.call("make", "src.steps.make", {"path": "data/all.txt"}, {"data": "data/all.txt"})
    return toy


def add_reader(recipe: Toy, **arguments: str) -> None:
    recipe.call(
        "read",
        "src.steps.read",
        {"source": "${stages.make.data}", "path": "exp/toy/read/o.txt", **arguments},
        {"o": "o.txt"},
    )
    recipe.write()


def run_beside_another(recipe: Toy, text: str = "theirs") -> tuple[int, str]:
    """Run all stages, and write the shared data once a stage waits."""
    process = recipe.start()
    while not (recipe.directory / "begun").exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    recipe.file("data/all.txt", text)
    recipe.file("begun.over", "")
    printed = process.communicate(timeout=60)[0]
    return process.returncode, printed


@pytest.mark.parametrize("made_before", [True, False])
def test_noticed_before_the_next_stage_reads(made_before: bool, recipe: Toy) -> None:
    recipe.write()
    if made_before:
        assert recipe.python().returncode == 0
    recipe.call("wait", "src.steps.wait", {"begun": "begun"})
    add_reader(recipe)
    code, text = run_beside_another(recipe)
    assert code == 1
    assert 'stage "read" failed: output "data" of "make" was altered during this run' in text
    assert "Traceback" not in text
    done = recipe.python()
    assert "output data was altered" in done.stdout
    assert (recipe.exp / "read" / "o.txt").read_text() == "mine read"


def test_the_same_data_again_are_no_matter(recipe: Toy) -> None:
    recipe.call("wait", "src.steps.wait", {"begun": "begun"})
    add_reader(recipe)
    code, text = run_beside_another(recipe, "mine")
    assert code == 0, text
    assert "nothing to do" in recipe.python().stdout


def test_altered_while_a_stage_reads(recipe: Toy) -> None:
    add_reader(recipe, begun="begun")
    code, text = run_beside_another(recipe)
    assert code == 0, text
    assert 'warning: output "data" of "make" was altered while the stage ran' in text
    recipe.file("data/all.txt", "mine")
    assert "read  runs" in recipe.python("--dry_run").stdout
    assert recipe.python().returncode == 0
    assert "nothing to do" in recipe.python().stdout


def test_of_two_experiments_that_build_the_same_data_one_waits(tmp_path: Path) -> None:
    toy = Toy(tmp_path / "recipe", exp_tag="one")
    toy.file("src/steps.py", STEPS)
    arguments = {"folder": "data", "begun": "begun"}
    toy.call("build", "src.steps.build", arguments, {"data": "data/log.txt"})
    command = [sys.executable, str(toy.write().build / "run.py")]
    runs = [command, [*command, "--set", "recipe.exp_tag=other"]]
    (tmp_path / "recipe" / "data").mkdir()
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen(runs[0], **pipes) as first:
        while not (tmp_path / "recipe" / "begun").exists():
            assert first.poll() is None, first.communicate()
            time.sleep(0.01)
        with subprocess.Popen(runs[1], **pipes) as second:
            told = next((line for line in second.stdout if "another run is working" in line), "")
            (tmp_path / "recipe" / "begun.over").touch()
            second.communicate(timeout=60)
        printed = first.communicate(timeout=60)[0]
    assert f'/data": process {first.pid} on ' in told.replace("\n", " "), told
    assert (first.returncode, second.returncode) == (0, 0), printed
    assert (tmp_path / "recipe/data/log.txt").read_text() == "began ended found "
