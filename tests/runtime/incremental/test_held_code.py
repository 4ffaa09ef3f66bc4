"""Code that is edited while a run is under way: what ran is what is signed."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.runtime.toy import Toy

STEPS = """import time
from pathlib import Path


def slow(path):
    from src import eager
    Path("begun").touch()
    while not Path("edited").exists():
        time.sleep(0.01)
    Path(path).write_text("slow")


def make(path):
    from src import eager, lazy
    Path(path).write_text(eager.value() + lazy.VALUE)
"""
INFERENCE = {
    "dataset": {"test": [{"name": "a"}]},
    "checkpoint": "best.ckpt",
    "runner": {"_target_": "src.own.Reader"},
    "input_key": "speech",
    "contract": {
        "inputs": {"speech": {"kind": "audio", "sample_rate": 16000}},
        "outputs": {"text": {"kind": "text"}},
    },
}


@pytest.fixture
def recipe(tmp_path: Path) -> Toy:
    toy = Toy(tmp_path / "recipe")
    toy.file("src/steps.py", STEPS)
    toy.file("src/eager.py", 'def value():\n    return "eager1 "\n')
    toy.file("src/lazy.py", 'VALUE = "lazy1"\n')
    for name in ("slow", "make"):
        toy.call(name, f"src.steps.{name}", {"path": f"exp/toy/{name}/o.txt"}, {"o": "o.txt"})
    return toy.write()


def run_and_edit(recipe: Toy, edit: Callable[[], None]) -> str:
    """Run all stages, edit while the first one is under way, and return what was printed."""
    process = recipe.start()
    while not (recipe.directory / "begun").exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    edit()
    recipe.file("edited", "")
    text = process.communicate(timeout=60)[0]
    assert process.returncode == 0, text
    return text


def made(recipe: Toy) -> str:
    return (recipe.exp / "make" / "o.txt").read_text()


@pytest.mark.parametrize("name", ["eager", "lazy"])
def test_an_edited_module_is_run_again_next_time(name: str, recipe: Toy) -> None:
    path = recipe.directory / "src" / f"{name}.py"
    text = run_and_edit(recipe, lambda: recipe.file(path, path.read_text().replace("1", "2")))
    assert f'warning: "src/{name}.py" was edited during this run' in text
    assert made(recipe) == "eager1 lazy1"
    done = recipe.python()
    assert f"code of src/{name}.py changed" in done.stdout
    assert made(recipe) == "eager1 lazy1".replace(f"{name}1", f"{name}2")
    assert "nothing to do" in recipe.python().stdout


def test_an_edit_taken_back_is_none(recipe: Toy) -> None:
    path = recipe.directory / "src" / "lazy.py"
    before = path.read_text()

    def edit() -> None:
        path.write_text(before.replace("1", "2"))
        path.write_text(before)

    assert "was edited" not in run_and_edit(recipe, edit)
    assert made(recipe) == "eager1 lazy1"
    assert "nothing to do" in recipe.python().stdout


def test_a_module_that_became_a_package(recipe: Toy) -> None:
    def edit() -> None:
        (recipe.directory / "src" / "eager.py").unlink()
        recipe.file("src/eager/__init__.py", 'def value():\n    return "eager2 "\n')

    run_and_edit(recipe, edit)
    assert made(recipe) == "eager1 lazy1"
    done = recipe.python()
    assert "code of src/eager.py changed" in done.stdout, done.stdout + done.stderr
    assert made(recipe) == "eager2 lazy1"


def test_a_bundle_never_mixes_code_and_results(recipe: Toy) -> None:
    recipe.system = "src.own.OwnSystem"
    own = """from espnet3_runtime.systems.base import BaseSystem


class Net:
    pass


class Reader:
    def __call__(self, model, speech, speech_lengths):
        return []


class OwnSystem(BaseSystem):
    def pack_model(self, context):
        return {}
"""
    recipe.file("src/own.py", own)
    recipe.file("best.ckpt", "")
    recipe.configs = {"inference": INFERENCE, "publication": {"pack_model": {}}}
    recipe.run("pack_model", "pack_model", model="net")
    recipe.models = {"net": {"_target_": "src.own.Net"}}
    recipe.write()
    process = recipe.start()
    while not (recipe.directory / "begun").exists():
        time.sleep(0.01)
    recipe.file("src/lazy.py", 'VALUE = "lazy2"\n')
    recipe.file("edited", "")
    text = process.communicate(timeout=60)[0]
    assert process.returncode == 1
    assert 'failed: "src/lazy.py" was edited during this run' in text
    assert recipe.python().returncode == 0
