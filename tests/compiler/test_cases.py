"""Recipes with a known report: those under ``ok`` are silent, each under ``err`` has its ``.out``.

A case is a manifest ``<code>-<what>.yaml``, or a directory of that name with ``recipe.yaml``.
A first line ``# --set NAME.KEY=VALUE`` gives arguments. ``UPDATE_CASES=1`` writes the reports
anew: read the difference before committing it. Below a report stand the fixes that are certain.
"""

import os
import shlex
from pathlib import Path

import pytest

from espnet3_compiler.diagnostics.codes import CODES
from espnet3_compiler.output import human
from espnet3_compiler.output.summary import Summary
from espnet3_compiler.pipeline import compile_manifest
from espnet3_compiler.result import CompileResult

CASES = Path(__file__).parents[1] / "cases"
TESTS = Path(__file__).parents[1]
DEEP_TESTS = (
    TESTS / "compiler/deep/test_deep.py",
    TESTS / "runtime/deep/test_code.py",
    TESTS / "runtime/deep/test_probe.py",
    TESTS / "runtime/preflight/test_trainer.py",
)
LOCK_TESTS = (TESTS / "compiler/relock/test_relock.py",)
OF_LOCKS = frozenset({"R703", "R704"})
COMMAND_TESTS = tuple((TESTS / "compiler/cli").glob("test_*.py"))
OF_COMMANDS = frozenset({"R520", "R521"})
BEHIND_DEEP = frozenset(code.number for code in CODES if code.number.startswith("R9"))


def manifests(kind: str) -> list[Path]:
    folder = CASES / kind
    return sorted([*folder.glob("*.yaml"), *folder.glob("*/recipe.yaml")])


def name_of(manifest: Path) -> str:
    return manifest.parent.name if manifest.name == "recipe.yaml" else manifest.stem


def compile_case(manifest: Path) -> CompileResult:
    first = manifest.read_bytes().split(b"\n")[0].decode("ascii", "replace")
    words = shlex.split(first.removeprefix("#")) if first.startswith("# --set") else []
    return compile_manifest(manifest, sets=[word for word in words if word != "--set"])


def report(outcome: CompileResult, manifest: Path) -> str:
    """Return what a user reads, and below it what ``--fix`` would do without asking."""
    name = Path(os.path.relpath(manifest)).as_posix()
    fixes = [found.fix for found in outcome.diagnostics if found.fix and found.fix.certain]
    applied = "".join(f"--fix would: {fix.title}\n" for fix in fixes)
    return human.render(outcome.diagnostics, Summary(manifests=(name,))) + applied


@pytest.fixture(autouse=True)
def _in_cases(monkeypatch):
    monkeypatch.chdir(CASES)


OK = manifests("ok")
ERR = manifests("err")


def test_cases_exist():
    assert len(OK) >= 5
    assert len(ERR) >= 80


@pytest.mark.parametrize("manifest", OK, ids=name_of)
def test_good_recipes_are_silent(manifest):
    outcome = compile_case(manifest)
    assert outcome.diagnostics == (), report(outcome, manifest)
    assert outcome.plan is not None


@pytest.mark.parametrize("manifest", ERR, ids=name_of)
def test_mistakes_are_told_as_expected(manifest):
    expected = manifest.with_suffix(".out")
    outcome = compile_case(manifest)
    text = report(outcome, manifest)
    if os.environ.get("UPDATE_CASES") == "1":
        expected.write_text(text, encoding="utf-8")
    assert expected.exists(), "no expected report: run with UPDATE_CASES=1 and read it"
    assert text == expected.read_text(encoding="utf-8")
    assert [found.code for found in outcome.diagnostics] == [name_of(manifest).split("-")[0]]


def test_no_report_is_left_over():
    reports = {*(CASES / "err").glob("*.out"), *(CASES / "err").glob("*/recipe.out")}
    assert reports == {manifest.with_suffix(".out") for manifest in ERR}


@pytest.mark.parametrize("code", CODES, ids=lambda code: code.number)
def test_every_code_has_a_case(code):
    elsewhere = DEEP_TESTS if code.number in BEHIND_DEEP else LOCK_TESTS
    elsewhere = COMMAND_TESTS if code.number in OF_COMMANDS else elsewhere
    if code.number in BEHIND_DEEP | OF_LOCKS | OF_COMMANDS:
        assert any(f'"{code.number}"' in path.read_text(encoding="utf-8") for path in elsewhere)
    else:
        assert any(name_of(manifest).startswith(f"{code.number}-") for manifest in ERR)
