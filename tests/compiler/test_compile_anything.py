"""A whole recipe with anything typed into it: a compile ends in findings, never in a traceback."""

import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from espnet3_compiler.diagnostics.codes import BY_NUMBER
from espnet3_compiler.pipeline import compile_manifest
from espnet3_compiler.result import CompileResult

GOOD = Path(__file__).parents[1] / "cases" / "ok" / "whole-pipeline"
TYPED = st.sampled_from(
    [
        *"-:#,[]{}&*!|>'\"%@`?~<=\\./01e\n\t ",
        *(
            "\n  ",
            "\n- ",
            "<<: ",
            "&x ",
            "*x",
            "!!str ",
            "${",
            "}",
            "~lr: \n",
            "_target_: ",
            "null",
        ),
        *("${a}", "${.x}", "${..x}", "${configs}", "${models}", "${self_name:}", "${oc.env:X}"),
        *("${stages.train.best_checkpoint}", "${load_line:recipe.yaml}", "${oc.select:a,b}"),
        *(
            "${config_path:../..}",
            "extends: training\n",
            "extends: [a]\n",
            "1e999",
            "-1",
            "\x00",
            "é",
        ),
    ]
)
SETS = st.sampled_from(
    [
        *(
            "training.seed=1",
            "x",
            "recipe.exp_tag=${a}",
            "training.optimizer={a: 1}",
            "training.a.b=1",
        ),
        *("~training.trainer", "training.dataset.train[0]=1", "inference.x={", "recipe.recipe=x"),
    ]
)


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("any") / "recipe"
    shutil.copytree(GOOD, root)
    return root


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_typing_into_a_recipe_ends_in_findings(recipe: Path, data: st.DataObject) -> None:
    files = sorted([recipe / "recipe.yaml", *recipe.glob("conf/*.yaml")])
    kept = {path: path.read_text(encoding="utf-8") for path in files}
    try:
        for _ in range(data.draw(st.integers(1, 4))):
            path = data.draw(st.sampled_from(files))
            text = path.read_text(encoding="utf-8")
            start = data.draw(st.integers(0, len(text)))
            end = min(len(text), start + data.draw(st.sampled_from([0, 0, 1, 3, 10, 40])))
            path.write_text(text[:start] + data.draw(TYPED) + text[end:], encoding="utf-8")
        sets = data.draw(st.lists(SETS, max_size=1))
        outcome = compile_manifest(recipe / "recipe.yaml", sets=sets)
        check(outcome)
        again = compile_manifest(recipe / "recipe.yaml", sets=sets)
        assert told(outcome) == told(again)
    finally:
        for path, text in kept.items():
            path.write_text(text, encoding="utf-8")


def test_comments_and_layout_change_no_finding(recipe: Path) -> None:
    path = recipe / "recipe.yaml"
    kept = path.read_text(encoding="utf-8")
    broken = kept.replace("stages:", "stagse:")
    assert broken != kept
    try:
        path.write_text(broken, encoding="utf-8")
        before = compile_manifest(path)
        path.write_text("# a comment\n\n" + broken.replace("\n", "  # more\n"), encoding="utf-8")
        after = compile_manifest(path)
    finally:
        path.write_text(kept, encoding="utf-8")
    messages = [finding.message for finding in before.diagnostics]
    assert messages
    assert messages == [finding.message for finding in after.diagnostics]


def check(outcome: CompileResult) -> None:
    for finding in outcome.diagnostics:
        assert finding.code in BY_NUMBER
        assert finding.message
        for span in (label.span for label in (finding.primary, *finding.related)):
            assert 0 <= span.start <= span.end <= len(span.source.text), finding


def told(outcome: CompileResult) -> list[tuple[str, str, int, int]]:
    return [
        (one.code, one.message, one.primary.span.start, one.primary.span.end)
        for one in outcome.diagnostics
    ]
