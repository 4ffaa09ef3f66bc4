"""What run.py refuses before a stage starts, and how a stage's failure is told."""

import json
from pathlib import Path

import pytest

from tests.runtime.launched_kit import launched
from tests.runtime.toy import STEPS, Toy, chain


@pytest.fixture
def recipe(tmp_path: Path) -> Toy:
    return chain(tmp_path / "recipe")


def test_a_changed_source_is_refused(recipe: Toy) -> None:
    recipe.file("recipe.yaml", "version: 1 # changed\n")
    for arguments in ([], ["--dry_run"], ["--list"]):
        done = launched(recipe, *arguments)
        assert done.returncode == 1
        assert '"recipe.yaml" changed since it was compiled' in done.stderr
        assert "run: espnet3-compile recipe.yaml" in done.stderr
    (recipe.directory / "recipe.yaml").unlink()
    assert "cannot be read" in launched(recipe).stderr


def test_a_build_changed_by_hand_is_refused(recipe: Toy) -> None:
    recipe.configs["settings"] = {"a": 1}
    recipe.stage("first")["config"] = {"settings": "settings"}
    recipe.write()
    recipe.file("build/conf/settings.yaml", "a: 2\n")
    done = launched(recipe)
    assert done.returncode == 1
    assert '"conf/settings.yaml" of the build was changed by hand' in done.stderr


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{", '{"schema_version": 1}', '{"schema_version": 2, "recipe": 3}', "[" * 9999],
)
def test_a_broken_lock_is_refused(text: str, recipe: Toy) -> None:
    recipe.file("build/recipe.lock.json", text)
    done = launched(recipe)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "compile the recipe again" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_build_of_another_version_names_the_command(recipe: Toy) -> None:
    recipe.file("build/recipe.lock.json", json.dumps({**recipe.lock(), "schema_version": 1}))
    done = launched(recipe, "--dry_run")
    assert done.returncode == 1
    assert '"recipe.lock.json" was written by another version of espnet3-compile' in done.stderr
    assert "run: espnet3-compile recipe.yaml" in done.stderr


@pytest.mark.parametrize("name", ["../evil", "a/b", "", "name with space"])
def test_a_lock_whose_names_would_escape_is_refused(name: str, recipe: Toy) -> None:
    lock = recipe.lock()
    lock["stages"][0]["name"] = name
    recipe.file("build/recipe.lock.json", json.dumps(lock))
    done = launched(recipe, "--dry_run")
    assert done.returncode == 1
    assert '"name" must be an identifier' in done.stderr


@pytest.mark.parametrize("changes", [{"run": "train"}, {"call": None}])
def test_a_lock_whose_stage_is_no_kind_or_two_things_is_refused(
    changes: dict[str, str | None], recipe: Toy
) -> None:
    lock = recipe.lock()
    lock["stages"][0] |= changes
    recipe.file("build/recipe.lock.json", json.dumps(lock))
    done = launched(recipe, "--dry_run")
    assert done.returncode == 1
    assert '"run" must be a stage kind, or null beside a call' in done.stderr


def test_a_lock_and_a_system_of_two_builds_are_refused(recipe: Toy) -> None:
    lock = recipe.lock()
    lock["stages"] = lock["stages"][:2]
    recipe.file("build/recipe.lock.json", json.dumps(lock))
    done = launched(recipe, "--dry_run")
    assert done.returncode == 1
    assert "not of one build" in done.stderr


def test_a_failing_stage(recipe: Toy) -> None:
    recipe.stage("first")["with"]["fail"] = True
    recipe.write()
    done = recipe.python()
    assert done.returncode == 1
    assert 'error: stage "first" failed: RuntimeError: asked to fail' in done.stderr
    assert "  --> recipe.yaml:8:9" in done.stderr
    assert 'raise RuntimeError("asked to fail")' in done.stderr  # the recipe's own frame
    assert "espnet3_runtime" not in done.stderr  # and none of ours
    assert "log: exp/toy/first/first.log" in done.stderr
    assert recipe.receipt("first")["status"] == "failed"
    assert recipe.receipt("first")["error"] == "RuntimeError: asked to fail (src/steps.py:17)"
    assert "first   failed" in done.stdout
    assert "second  not run" in done.stdout
    assert "Traceback" in (recipe.exp / "first" / "first.log").read_text()
    again = recipe.python("--dry_run")
    assert "its last run failed" in again.stdout


def test_a_type_error_inside_a_stage_is_told_as_it_is(recipe: Toy) -> None:
    """In ESPnet3 each one becomes "stage does not accept CLI arguments"."""
    recipe.stage("first")["with"]["number"] = None
    recipe.write()
    done = launched(recipe)
    assert done.returncode == 1
    told = "TypeError: unsupported operand type(s) for *: 'NoneType' and 'int'"
    assert f'error: stage "first" failed: {told}' in done.stderr
    assert "return number * FACTOR" in done.stderr
    assert "argument" not in done.stderr
    assert recipe.receipt("first")["error"] == f"{told} (src/steps.py:12)"


def test_later_stages_fail_but_earlier_ones_are_kept(recipe: Toy) -> None:
    recipe.stage("third")["with"]["more"] = "not a number"
    recipe.write()
    done = launched(recipe)
    assert done.returncode == 1
    assert "TypeError" in done.stderr
    assert recipe.receipt("second")["status"] == "done"
    recipe.stage("third")["with"]["more"] = 1
    recipe.write()
    done = launched(recipe)
    assert done.returncode == 0
    assert "[1/3]" not in done.stdout
    assert "[3/3] third" in done.stdout


def test_an_output_that_is_not_there_afterwards(recipe: Toy) -> None:
    recipe.stage("first")["with"]["path"] = "exp/toy/first/other.txt"
    recipe.write()
    done = launched(recipe)
    assert done.returncode == 1
    assert 'it finished, but its output "number" is not there' in done.stderr
    assert "config: stages.first.outputs.number" in done.stderr
    assert "Traceback" not in done.stderr
    assert recipe.receipt("first")["status"] == "failed"


@pytest.mark.parametrize(
    ("module", "definition", "message"),
    [
        ("steps", "def made(path, number", 'did you mean "made"?'),
        ("stepz", "def make(path, number", '"src" has no "steps"'),
        ("steps", "def make(path", "got an unexpected keyword argument 'number'"),
        ("steps", "def make(path, number, other", "missing a required argument: 'other'"),
    ],
)
def test_a_call_that_does_not_fit_the_code_any_more(
    module: str, definition: str, message: str, recipe: Toy
) -> None:
    (recipe.directory / "src" / "steps.py").unlink()
    recipe.file(f"src/{module}.py", STEPS.replace("def make(path, number", definition))
    done = launched(recipe, "--stages", "first", "--no_preflight")
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert "config: stages.first." in done.stderr


def test_a_missing_variable_is_told_before_anything_runs(recipe: Toy) -> None:
    recipe.stage("third")["with"]["more"] = "${oc.env:TOY_UNSET_VARIABLE}"
    recipe.write()
    done = launched(recipe)
    assert done.returncode == 1
    assert 'the environment variable "TOY_UNSET_VARIABLE" is not set' in done.stderr
    assert "config: stages.third.with.more" in done.stderr
    assert not (recipe.exp / "first").exists()
