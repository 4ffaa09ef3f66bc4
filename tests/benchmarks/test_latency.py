"""The benchmark of latency compares what it says it compares."""

import shutil
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from benchmarks.latency.__main__ import MANIFEST, RECIPE
from benchmarks.latency.mistakes import MISTAKES, Mistake
from espnet3_compiler.pipeline import compile_manifest
from espnet3_compiler.syntax.tree import to_python
from espnet3_schemas.editor import editor_schema

TEXT = (RECIPE / MANIFEST).read_text(encoding="utf-8")


def test_the_recipe_is_as_large_as_the_goal_says() -> None:
    outcome = compile_manifest(RECIPE / MANIFEST)
    assert not outcome.diagnostics
    assert TEXT.count("\n") == 200
    assert TEXT.count("_target_:") + TEXT.count("call:") == 20
    assert outcome.counts.checked >= 12


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_every_mistake_is_one_finding_on_its_line(tmp_path: Path, mistake: Mistake) -> None:
    shutil.copytree(RECIPE, tmp_path / "recipe")
    manifest = tmp_path / "recipe" / MANIFEST
    wrong, line = mistake.plant(TEXT)
    manifest.write_text(wrong, encoding="utf-8")
    (finding,) = compile_manifest(manifest).diagnostics
    span = finding.primary.span
    assert span.source.line_column(span.start)[0] == line
    assert mistake.at in wrong.splitlines()[line - 1]


def test_a_checker_of_schemas_gets_the_configs_too() -> None:
    root = compile_manifest(RECIPE / MANIFEST).root
    assert root is not None
    document = to_python(root)
    validator = Draft202012Validator(editor_schema("recipe"))
    assert not list(validator.iter_errors(document))
    document["configs"]["training"]["trainer"]["max_epoch"] = 3  # type: ignore[index, call-overload]
    (error,) = validator.iter_errors(document)
    assert "max_epoch" in error.message


def test_a_mistake_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="0 times"):
        Mistake("none", "no such text", "x", "x").plant(TEXT)
