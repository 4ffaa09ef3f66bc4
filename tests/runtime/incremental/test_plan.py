"""Exact skip: each edit runs the stages that it can change, and no other."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.runtime.edit_kit import STEPS, actions, argument, build_recipe, edit, setting
from tests.runtime.toy import Toy


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recipe of three stages that has run."""
    recipe = build_recipe(tmp_path_factory.mktemp("finished") / "recipe")
    done = recipe.python()
    assert done.returncode == 0, done.stderr
    return recipe.directory


@pytest.fixture
def recipe(finished: Path, tmp_path: Path) -> Toy:
    """A copy of it: also the case of a recipe directory that moved."""
    shutil.copytree(finished, tmp_path / "moved")
    fresh = build_recipe(tmp_path / "fresh")
    fresh.directory = tmp_path / "moved"
    return fresh


def reorder(recipe: Toy) -> None:
    recipe.configs["settings"] = dict(reversed(recipe.configs["settings"].items()))
    recipe.write()


def touch(recipe: Toy) -> None:
    for path in recipe.exp.rglob("*.txt"):
        os.utime(path, (1, 1))


def chmod(recipe: Toy) -> None:
    (recipe.exp / "fit" / "model.txt").chmod(0o600)


def rename_upstream(recipe: Toy) -> None:
    """The stage prepare is called differently; its receipt and output moved along."""
    old, new = recipe.exp / "prepare", recipe.exp / "preparation"
    old.rename(new)
    receipt = recipe.receipt("prepare")
    text = json.dumps(receipt).replace("toy/prepare/", "toy/preparation/")
    text = text.replace('"stage": "prepare"', '"stage": "preparation"')
    recipe.file("exp/toy/stages/preparation.json", text)
    stage = recipe.stage("prepare")
    stage["name"] = "preparation"
    stage["with"]["path"] = stage["outputs"]["data"] = "exp/toy/preparation/data.txt"
    recipe.stage("fit")["with"]["source"] = "${stages.preparation.data}"
    recipe.write()


def rename_config(recipe: Toy) -> None:
    recipe.configs["settings_full"] = recipe.configs.pop("settings")
    recipe.stage("fit")["config"] = {"settings": "settings_full"}
    recipe.write()


def new_module(recipe: Toy) -> None:
    recipe.file("src/brand_new.py", "x = 1\n")


NOTHING: list[Callable[[Toy], None]] = [
    lambda recipe: None,
    touch,
    chmod,
    reorder,
    rename_config,
    new_module,
    setting("other", "x", 2),
    edit("src/library.py", "LIMIT = 5", "LIMIT = 5  # a comment"),
    edit("src/library.py", '"""Shared things."""', '"""Other words."""'),
    edit("src/library.py", '"""A class."""', '"""Other words."""'),
    edit("src/library.py", "    return value\n", "    return value + 1\n"),
    edit("src/library.py", "UNUSED = 7", "UNUSED = 8"),
    edit("src/library.py", "def uncalled(value)", "def uncalled(value, more=1)"),
    edit("src/library.py", "min(value, LIMIT)", "min(\n        value,\n        LIMIT,\n    )"),
    edit("src/library.py", "import json\n", ""),
    edit("src/unrelated.py", "x = 1", "x = 2"),
    edit("src/steps.py", "import os\n", ""),
    edit("lists/other.txt", "a", "z"),
]


@pytest.mark.parametrize("change", NOTHING)
def test_nothing_runs_after(change: Callable[[Toy], None], recipe: Toy) -> None:
    change(recipe)
    assert {name: action for name, (action, _) in actions(recipe).items()} == {
        "prepare": "skip",
        "fit": "skip",
        "score": "skip",
    }


def delete(path: str) -> Callable[[Toy], None]:
    def change(recipe: Toy) -> None:
        (recipe.directory / path).unlink()

    change.__name__ = f"delete {path}"
    return change


def write(path: str, text: str) -> Callable[[Toy], None]:
    def change(recipe: Toy) -> None:
        (recipe.directory / path).write_text(text)

    change.__name__ = f"write {path}"
    return change


def same_size_and_times(recipe: Toy) -> None:
    """Other bytes, with the size and the modification time of before."""
    path = recipe.exp / "fit" / "model.txt"
    before = path.stat()
    path.write_text("x" * before.st_size)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def other_function(recipe: Toy) -> None:
    recipe.file("src/steps.py", STEPS.replace("def score", "def rate"))
    recipe.stage("score")["call"] = "src.steps.rate"
    recipe.write()


def other_config(recipe: Toy) -> None:
    recipe.stage("fit")["config"] = {"settings": "settings", "more": "other"}
    recipe.write()


def other_output_place(recipe: Toy) -> None:
    recipe.stage("score")["outputs"]["score"] = "exp/toy/score/result.txt"
    recipe.write()


def python_version(recipe: Toy) -> None:
    receipt = recipe.receipt("prepare")
    receipt["inputs"]["versions"]["python"] = "3.1"
    recipe.file("exp/toy/stages/prepare.json", json.dumps(receipt))


RUNS: list[tuple[Callable[[Toy], None], dict[str, str], str]] = [
    (setting("settings", "rate", 0.25), {"fit": "run"}, "settings.rate changed (0.5 -> 0.25)"),
    (setting("settings", "rate", "0.5"), {"fit": "run"}, "settings.rate changed"),
    (setting("settings", "size", 3.0), {"fit": "run"}, "settings.size changed (3 -> 3.0)"),
    (setting("settings", "size", True), {"fit": "run"}, "settings.size changed"),
    (setting("settings", "new", None), {"fit": "run"}, "settings.new is new"),
    (setting("settings", "nested", {"a": [2, 1], "b": None}), {"fit": "run"}, "nested.a[0]"),
    (setting("settings", "nested", {"a": [1, 2]}), {"fit": "run"}, "nested.b is gone"),
    (setting("settings", "nested", {"a": [], "b": None}), {"fit": "run"}, "nested.a"),
    (setting("other_settings", "size", 5), {"prepare": "run"}, "other_settings.size changed"),
    (argument("fit", "seed", 2), {"fit": "run"}, "with seed changed (1 -> 2)"),
    (argument("score", "home", "here"), {"score": "run"}, "with home changed"),
    (edit("src/library.py", "* self.scale", "+ self.scale"), {"fit": "run"}, "src/library.py"),
    (edit("src/library.py", "scale = 2", "scale = 3"), {"fit": "run"}, "src/library.py"),
    (
        edit("src/library.py", "LIMIT = 5", "LIMIT = 6"),
        {"fit": "run", "score": "run"},
        "src/library.py",
    ),
    (
        edit("src/deep.py", "NUMBER = 1", "NUMBER = 2"),
        {"fit": "run", "score": "run"},
        "src/deep.py",
    ),
    (
        edit("src/library.py", "UNUSED = 7", "UNUSED = 7\nprint('at import')"),
        {"prepare": "run", "fit": "run", "score": "run"},
        "src/library.py",
    ),
    (edit("src/steps.py", "len(words)", "len(words) + 1"), {"prepare": "run"}, "src/steps.py"),
    (edit("lists/words.txt", "a", "a a"), {"prepare": "run"}, "file lists/words.txt changed"),
    (delete("lists/words.txt"), {"prepare": "run"}, "file lists/words.txt changed"),
    (delete("exp/toy/fit/model.txt"), {"fit": "run"}, "output model was deleted"),
    (write("exp/toy/fit/model.txt", "9 9"), {"fit": "run", "score": "maybe"}, "was altered"),
    (same_size_and_times, {"fit": "run"}, "output model was altered"),
    (delete("exp/toy/stages/fit.json"), {"fit": "run"}, "it has not run yet"),
    (write("exp/toy/stages/fit.json", "{}"), {"fit": "run"}, "its receipt is unusable"),
    (write("exp/toy/stages/fit.json", "[[["), {"fit": "run"}, "it is not JSON"),
    (other_function, {"score": "run"}, "it runs call src.steps.rate"),
    (other_config, {"fit": "run"}, "it reads the config other now"),
    (other_output_place, {"score": "run"}, "lies elsewhere"),
    (python_version, {"prepare": "run"}, "version of python changed (3.1 ->"),
]


@pytest.mark.parametrize(("change", "expected", "reason"), RUNS)
def test_what_runs_after(
    change: Callable[[Toy], None], expected: dict[str, str], reason: str, recipe: Toy
) -> None:
    change(recipe)
    found = actions(recipe)
    first = next(iter(expected))
    after = list(found)[list(found).index(first) + 1 :]
    wanted = {**dict.fromkeys(found, "skip"), **dict.fromkeys(after, "maybe"), **expected}
    assert {name: action for name, (action, _) in found.items()} == wanted
    assert any(reason in text for text in found[first][1]), found[first]


def test_a_renamed_upstream_stage_with_the_same_output_changes_nothing_below(recipe: Toy) -> None:
    rename_upstream(recipe)
    assert {name: action for name, (action, _) in actions(recipe).items()} == {
        "preparation": "skip",
        "fit": "skip",
        "score": "skip",
    }


def test_an_environment_variable(recipe: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOY_HOME", "a-very-secret-place")
    assert actions(recipe)["score"][0] == "run"
    done = recipe.python()
    assert done.returncode == 0, done.stderr
    for file in recipe.directory.rglob("*"):
        if file.is_file() and file.parent.name != "score":
            assert b"a-very-secret-place" not in file.read_bytes(), file
    assert actions(recipe)["score"][0] == "skip"
    monkeypatch.setenv("TOY_HOME", "elsewhere")
    assert actions(recipe)["score"] == (
        "run",
        ("with home changed: ${oc.env:TOY_HOME,nowhere} has another value",),
    )


def test_the_plan_equals_what_then_runs(recipe: Toy) -> None:
    edit("lists/words.txt", "a b c", "d e f")(recipe)  # other words, but as many
    assert [action for action, _ in actions(recipe).values()] == ["run", "maybe", "maybe"]
    done = recipe.python()
    assert done.returncode == 0, done.stderr
    assert "[1/3] prepare" in done.stdout
    assert "fit  up to date since" in done.stdout  # prepare made the same file again
    assert {action for action, _ in actions(recipe).values()} == {"skip"}
    assert "nothing to do" in recipe.python().stdout


def test_a_real_change_goes_through(recipe: Toy) -> None:
    setting("other_settings", "size", 12345)(recipe)
    done = recipe.python()
    assert done.returncode == 0, done.stderr
    assert recipe.receipt("fit")["inputs"]["upstream"] != {}
    assert "[2/3] fit" in done.stdout
    assert {action for action, _ in actions(recipe).values()} == {"skip"}


def test_touched_outputs_are_hashed_once(recipe: Toy) -> None:
    recipe.python()
    signatures = {name: recipe.receipt(name)["outputs"] for name in ("prepare", "fit", "score")}
    touch(recipe)
    before = json.dumps(signatures)
    recipe.python("--dry_run")
    assert json.dumps({name: recipe.receipt(name)["outputs"] for name in signatures}) == before
    recipe.python()
    after = {name: recipe.receipt(name)["outputs"] for name in signatures}
    assert after != signatures
    assert {action for action, _ in actions(recipe).values()} == {"skip"}


def test_a_dry_run_creates_and_changes_nothing(tmp_path: Path) -> None:
    recipe = build_recipe(tmp_path / "recipe")
    before = sorted(recipe.directory.rglob("*"))
    done = recipe.python("--dry_run")
    assert done.returncode == 0, done.stderr
    assert sorted(recipe.directory.rglob("*")) == before


def test_dry_run_imports_nothing_heavy(tmp_path: Path) -> None:
    recipe = build_recipe(tmp_path / "recipe")
    code = (
        "import sys, runpy\n"
        f"sys.argv = ['run.py', '--dry_run']; sys.path.insert(0, {str(recipe.build)!r})\n"
        "try:\n    runpy.run_path(sys.path[0] + '/run.py', run_name='__main__')\n"
        "except SystemExit as done:\n    assert done.code == 0, done.code\n"
        "heavy = {'torch', 'numpy', 'lightning', 'tqdm', 'src', 'jsonschema'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
