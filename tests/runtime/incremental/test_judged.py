"""What is planned of receipts and outputs, with every reason whole."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from espnet3_runtime.build.lock import load_build
from espnet3_runtime.errors import UserError
from espnet3_runtime.incremental import receipts
from espnet3_runtime.incremental.experiment import Experiment
from espnet3_runtime.incremental.plan import judge_stage, plan_stages, stale_upstream
from tests.runtime.finished_kit import build_recipe, change, finish
from tests.runtime.toy import Toy


@pytest.fixture
def recipe(tmp_path: Path) -> Toy:
    return build_recipe(tmp_path / "recipe")


def verdicts(recipe: Toy, *wanted: str, force: bool = False) -> dict[str, tuple[str, list[str]]]:
    build = load_build(recipe.build)
    found = plan_stages(build, Experiment(build), wanted or ("a", "b", "c"), force=force)
    return {one.stage.name: (one.action, list(one.reasons)) for one in found}


SKIP = ("skip", ["up to date since 2026-01-02 03:04"])


PLANS: list[tuple[Callable[[Toy], object], dict[str, tuple[str, list[str]]]]] = [
    (lambda recipe: None, {}),
    (
        lambda recipe: (recipe.exp / "stages" / "a.json").unlink(),
        {
            "a": ("run", ["it has not run yet"]),
            "b": ("maybe", ["a makes something else"]),
            "c": ("maybe", ["b makes something else"]),
        },
    ),
    (
        lambda recipe: (recipe.exp / "b" / "b.txt").write_text("other"),
        {"b": ("run", ["output b was altered"]), "c": ("maybe", ["b makes something else"])},
    ),
    (
        lambda recipe: (recipe.exp / "b" / "all" / "inner" / "x.txt").unlink(),
        {"b": ("run", ["output all was altered"]), "c": ("maybe", ["b makes something else"])},
    ),
    (
        lambda recipe: (recipe.exp / "c" / "c.txt").unlink(),
        {"c": ("run", ["output c was deleted"])},
    ),
    (
        lambda recipe: change(recipe, "c", status="failed"),
        {"c": ("run", ["its last run failed"])},
    ),
    (
        lambda recipe: change(recipe, "c", status="running"),
        {"c": ("run", ["its last run was killed"])},
    ),
    (
        lambda recipe: change(recipe, "c", status="interrupted"),
        {"c": ("run", ["its last run was interrupted"])},
    ),
    (
        lambda recipe: recipe.file("exp/toy/stages/c.json", "{"),
        {"c": ("run", ["its receipt is unusable: it is not JSON"])},
    ),
    (
        lambda recipe: recipe.file("words.txt", "c"),
        {
            "b": ("run", ["file words.txt changed"]),
            "c": ("maybe", ["b makes something else"]),
        },
    ),
]


@pytest.mark.parametrize(("edit", "expected"), PLANS)
def test_what_is_planned(
    edit: Callable[[Toy], object], expected: dict[str, tuple[str, list[str]]], recipe: Toy
) -> None:
    finish(recipe, "a", "b", "c")
    edit(recipe)
    assert verdicts(recipe) == {**dict.fromkeys("abc", SKIP), **expected}


def test_force(recipe: Toy) -> None:
    finish(recipe, "a", "b")
    recipe.file("words.txt", "c")
    assert verdicts(recipe, force=True) == {
        "a": ("run", ["forced"]),
        "b": ("run", ["forced", "file words.txt changed"]),
        "c": ("run", ["it has not run yet"]),
    }
    recipe.file("exp/toy/stages/c.json", "{")
    assert verdicts(recipe, "c", force=True) == {"c": ("run", ["forced"])}


@pytest.mark.parametrize(
    ("status", "edit", "marked", "resume"),
    [
        ("failed", None, False, True),
        ("running", None, False, True),
        ("failed", "words.txt", False, False),
        ("failed", None, True, False),
        ("done", None, False, False),
    ],
)
def test_what_can_be_continued(
    status: receipts.Status, edit: str | None, marked: bool, resume: bool, recipe: Toy
) -> None:
    finish(recipe, "a", "b")
    finish(recipe, "b", status=status)
    directory = recipe.exp / "b"
    if edit:
        recipe.file(edit, "other")
    if marked:
        receipts.set_marker(directory)
    build = load_build(recipe.build)
    verdict = judge_stage(build.stage("b"), Experiment(build))
    assert verdict.resume == resume
    receipts.clear_marker(directory)
    receipts.clear_marker(directory)
    assert not receipts.has_marker(directory)
    receipts.set_marker(directory / "new")
    assert receipts.has_marker(directory / "new")


NEEDS: list[tuple[Callable[[Toy], object], str]] = [
    (lambda recipe: (recipe.exp / "stages" / "b.json").unlink(), '"b" has not run yet'),
    (lambda recipe: change(recipe, "b", status="failed"), 'the last run of "b" failed'),
    (
        lambda recipe: recipe.file("exp/toy/stages/b.json", "{"),
        'the receipt of "b" is unusable, it is not JSON',
    ),
    (lambda recipe: (recipe.exp / "b" / "b.txt").unlink(), 'its output "b" is missing'),
]


@pytest.mark.parametrize(("edit", "why"), NEEDS)
def test_a_stage_that_is_needed_first(edit: Callable[[Toy], object], why: str, recipe: Toy) -> None:
    finish(recipe, "a", "b")
    assert verdicts(recipe, "c")["c"] == ("run", ["it has not run yet"])
    edit(recipe)
    text = f'stage "c" needs "b" first: {why}'
    with pytest.raises(UserError, match=f"^{re.escape(text)}") as caught:
        verdicts(recipe, "c")
    assert (caught.value.message, caught.value.hint) == (text, "run: --stages b c")
    assert verdicts(recipe, "b", "c").keys() == {"b", "c"}
    recipe.stage("c")["needs"] = ["a"]
    (recipe.exp / "stages" / "a.json").unlink()
    recipe.write()
    with pytest.raises(
        UserError, match='stage "c" needs "a", "b" first: "a" has not run'
    ) as caught:
        verdicts(recipe, "c")
    assert caught.value.hint == "run: --stages a b c"


def test_what_is_needed_and_out_of_date_without_being_wanted(recipe: Toy) -> None:
    finish(recipe, "a", "b")

    def stale(wanted: str) -> dict[str, tuple[str, ...]]:
        build = load_build(recipe.build)
        experiment = Experiment(build)
        found = plan_stages(build, experiment, [wanted])
        return dict(stale_upstream(build, experiment, found))

    assert stale("c") == {}
    recipe.file("words.txt", "other")
    assert stale("c") == {"b": ("file words.txt changed",)}
    (recipe.exp / "a" / "a.txt").write_text("other")
    assert stale("c") == {
        "b": ("file words.txt changed", "upstream a changed (a)"),
        "a": ("output a was altered",),
    }
    finish(recipe, "a", "b", "c")
    recipe.file("words.txt", "a b")
    assert stale("c") == {}  # it does not run
    assert stale("b") == {}


def test_an_output_that_is_no_longer_declared(recipe: Toy) -> None:
    finish(recipe, "a", "b")
    del recipe.stage("b")["outputs"]["all"]
    recipe.write()
    reasons = ["output all changed its path", "output all is no longer declared"]
    assert verdicts(recipe, "b")["b"] == ("run", reasons)
