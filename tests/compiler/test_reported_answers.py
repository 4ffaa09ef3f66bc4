"""The report of what the runtime found, which ``run.py`` asks the compiler for."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from espnet3_compiler.recompile import locate, recompose, report
from espnet3_compiler.result import CompileResult, is_error
from tests.compiler.recipe_kit import copy


def answer(name: str, *path: str, **more: Any) -> dict[str, Any]:
    values = {"code": "R908", "message": "it fails", "label": "here", "place": None}
    values |= {"in_code": False, "numbers": [], "help": ["do this"], "notes": [], "stage": None}
    return {**values, "owner": ["configs", name], "path": list(path), **more}


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    manifest = copy("minimal", tmp_path / "recipe")
    monkeypatch.chdir(manifest.parent)
    return manifest.parent / "build"


ANSWERS = [
    answer("training", "dataset", message="second"),
    answer("training", "dataset", message="first", code="R908"),
    answer("training", "dataset", message="second"),
]


def test_a_report_for_a_person(build: Path) -> None:
    text = report(build, {}, [], ANSWERS, "human")
    block = (
        "error[R908 optimizer-misfit]: {}\n"
        "  --> recipe.yaml:9:5\n"
        "   |\n"
        " 9 |     dataset: {{train: [{{data_src: digits}}], valid: [{{data_src: digits}}]}}\n"
        "   |     ^^^^^^^ here\n"
        "   |\n"
        "   = help: do this\n\n"
    )
    last = "recipe.yaml: 2 errors; 3 targets checked, 0 not checked\n"
    assert text == block.format("first") + block.format("second") + last


def test_a_report_for_a_program(build: Path) -> None:
    read = json.loads(report(build, {}, [], ANSWERS, "json"))
    assert [finding["message"] for finding in read["findings"]] == ["first", "second"]
    assert read["summary"] == {
        "manifests": ["recipe.yaml"],
        "errors": 2,
        "warnings": 0,
        "targets": 3,
        "unchecked": 0,
        "seconds": None,
    }


def test_values_of_the_command_line_have_their_place(build: Path) -> None:
    found = report(build, {}, ["training.seed=7"], [answer("training", "seed")], "human")
    assert "--> --set training.seed=7\n" in found
    other = build.parent / "other.yaml"
    other.write_text("seed: 7\ndataset: {train: [{data_src: digits}]}\n")
    found = report(build, {"training": other}, [], [answer("training", "seed")], "human")
    assert "--> other.yaml:1:7\n" in found


@pytest.mark.parametrize(
    ("terminal", "plain", "coloured"),
    [(True, None, True), (True, "", True), (True, "1", False), (False, None, False)],
)
def test_colours_are_for_terminals(
    build: Path, monkeypatch: pytest.MonkeyPatch, terminal: bool, plain: str | None, coloured: bool
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal, raising=False)
    monkeypatch.delenv("NO_COLOR", raising=False)
    if plain is not None:
        monkeypatch.setenv("NO_COLOR", plain)
    assert ("\x1b[" in report(build, {}, [], ANSWERS, "human")) is coloured
    assert "\x1b[" not in report(build, {}, [], ANSWERS, "json")


def test_without_a_lock_it_says_so(tmp_path: Path) -> None:
    text = f"{tmp_path} holds no readable recipe.lock.json; compile the recipe again\n"
    assert report(tmp_path, {}, [], [], "human") == text
    assert recompose(tmp_path, {}, []).report == text


@pytest.mark.parametrize(
    "change",
    [
        {"manifest": None},
        {"set": None},
        {"set": 3},
        {"environment": 3},
        {"environment": None},
    ],
)
def test_a_lock_of_another_form_is_not_read(build: Path, change: dict[str, Any]) -> None:
    path = build / "recipe.lock.json"
    lock = json.loads(path.read_text()) | change
    path.write_text(json.dumps(lock))
    assert not recompose(build, {}, []).ok
    assert locate(build, "train") is None
    for key in change:
        del lock[key]
    path.write_text(json.dumps(lock))
    assert (locate(build, "train") is None) is ("environment" not in change)


def test_warnings_are_reported_and_errors_have_no_files(build: Path) -> None:
    manifest = build.parent / "recipe.yaml"
    manifest.write_text(manifest.read_text().replace("configs:\n", "configs:\n  spare: {a: 1}\n"))
    warned = recompose(build, {}, [])
    assert warned.ok
    assert "conf/spare.yaml" in warned.files
    lines = warned.report.splitlines()
    assert lines[0] == 'warning[R207 unused-config]: no stage and no reference uses config "spare"'
    assert warned.report.endswith("\n\n")
    wrong = recompose(build, {}, ["training.sed=3"])
    assert (wrong.ok, wrong.files) == (False, {})
    assert wrong.report.count("\n\n") == 2


def test_a_result_without_steps_has_no_plan(tmp_path: Path) -> None:
    empty = CompileResult(tmp_path / "recipe.yaml")
    assert empty.ok
    assert empty.plan is None
    assert (empty.sets, empty.diagnostics, empty.counts.checked) == ((), (), 0)


def test_severities_decide() -> None:
    from tests.compiler.output_kit import ALL

    assert [is_error(finding) for finding in ALL] == [True, True, True, False]
