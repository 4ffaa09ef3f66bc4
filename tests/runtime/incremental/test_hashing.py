"""What counts in an output: linked directories, any name, and changes while it is hashed."""

import os
import threading
from pathlib import Path

import pytest

from espnet3_runtime.build.lock import load_build
from espnet3_runtime.incremental.experiment import Experiment
from tests.runtime.edit_kit import actions
from tests.runtime.toy import Toy

STEPS = r"""import os
from pathlib import Path


def make(path):
    elsewhere = Path("else" + "where", "deep")
    elsewhere.mkdir(parents=True, exist_ok=True)
    (elsewhere / "x.txt").write_text("1")
    Path(path, "inner").mkdir(parents=True)
    Path(path, "linked").symlink_to(elsewhere.parent.resolve())
    Path(path, "inner", "up").symlink_to("..")
    Path(path, "itself").symlink_to("itself")
    Path(os.fsdecode(os.fsencode(path) + b"/\xff.txt")).write_text("1")


def show(context):
    path = Path(os.fsdecode(os.fsencode(context.directory) + b"/\xff.txt"))
    path.write_text("1")
    context.result("where", str(path))
    return {"shown": path}
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Toy:
    toy = Toy(tmp_path / "recipe")
    toy.file("src/steps.py", STEPS)
    toy.call("make", "src.steps.make", {"path": "exp/toy/make/all"}, {"all": "all"})
    return toy.write()


@pytest.mark.parametrize("path", ["elsewhere/deep/x.txt", b"exp/toy/make/all/\xff.txt"])
def test_links_and_any_name_count(path: str | bytes, recipe: Toy) -> None:
    done = recipe.python()
    assert done.returncode == 0, done.stderr
    assert actions(recipe)["make"][0] == "skip"
    (recipe.directory / os.fsdecode(path)).write_text("2")
    assert actions(recipe)["make"] == ("run", ("output all was altered",))
    assert recipe.python("--verify").returncode == 1


def test_a_link_to_another_directory(recipe: Toy) -> None:
    assert recipe.python().returncode == 0
    link = recipe.exp / "make" / "all" / "linked"
    link.unlink()
    link.symlink_to(recipe.directory / "src")
    assert actions(recipe)["make"] == ("run", ("output all was altered",))


def test_a_name_that_is_no_text_is_reported(recipe: Toy) -> None:
    recipe.call("show", "src.steps.show")
    recipe.write()
    done = recipe.python(env={**os.environ, "LC_ALL": "C.UTF-8"}, errors="surrogateescape")
    assert (done.returncode, done.stderr) == (0, "")
    assert r"\udcff.txt" in (recipe.exp / "report.html").read_text()


def test_a_change_while_an_output_is_hashed(recipe: Toy) -> None:
    """``a.txt`` is read first, then it takes about a second to read ``b.bin``."""
    output = recipe.exp / "make" / "all"
    output.mkdir(parents=True)
    (output / "a.txt").write_text("before")
    large = output / "b.bin"
    with large.open("wb") as file:
        file.truncate(1 << 30)
    experiment = Experiment(load_build(recipe.build))
    record = []
    stage = experiment.build.stage("make")
    thread = threading.Thread(target=lambda: record.append(experiment.record(stage, output)))
    thread.start()
    thread.join(0.2)
    assert thread.is_alive()
    (output / "a.txt").write_text("after!")
    thread.join()
    now = experiment.current_signature(stage, record[0])
    assert now is not None
    assert record[0].signature != now.digest
    assert record[0].sha256 != experiment.current_hash(stage, record[0])
