"""The lines and tables that a person reads, whole."""

import io
from dataclasses import replace

import pytest

from espnet3_runtime.build.lock import Build, load_build
from espnet3_runtime.incremental.plan import Verdict
from espnet3_runtime.incremental.receipts import Receipt, Unreadable
from espnet3_runtime.launch import console
from espnet3_runtime.launch.console import Row
from espnet3_schemas.build_records import Stage
from tests.runtime.toy import chain

FIRST = Stage("first", None, "src.steps.make", {}, None, None, (), (), {})
TRAIN = replace(
    FIRST,
    name="train",
    run="train",
    call=None,
    configs={"training": "base", "data": "base", "decode": "greedy"},
    model="large",
)
OTHER = replace(TRAIN, name="again", model=None)


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    return load_build(chain(tmp_path_factory.mktemp("tables") / "recipe").build)


def verdict(stage: Stage, action: str, *reasons: str, resume: bool = False) -> Verdict:
    return Verdict(stage, action, reasons, {}, resume)  # type: ignore[arg-type]


PLAN = (
    verdict(FIRST, "run", "a", "b", "c", "d", "e"),
    verdict(TRAIN, "maybe", "first makes something else"),
    verdict(OTHER, "skip", "up to date since then"),
    verdict(FIRST, "run", "its last run failed", resume=True),
)


@pytest.mark.parametrize(
    ("most", "reasons"),
    [
        ({}, "a; b; c; and 2 more"),
        ({"most": 4}, "a; b; c; d; and 1 more"),
        ({"most": 5}, "a; b; c; d; e"),
        ({"most": None}, "a; b; c; d; e"),
    ],
)
def test_a_plan(
    most: dict[str, int | None], reasons: str, build: Build, capsys: pytest.CaptureFixture[str]
) -> None:
    console.show_plan(build, PLAN, **most)
    assert capsys.readouterr().out.splitlines() == [
        "toy/task  exp/toy",
        f"  first  runs     {reasons}",
        "  train  may run  if first makes something else",
        "  again  skipped  up to date since then",
        "  first  runs     its last run failed; it goes on from there",
    ]


def test_a_plan_of_nothing(build: Build, capsys: pytest.CaptureFixture[str]) -> None:
    console.show_plan(build, ())
    assert capsys.readouterr().out == "toy/task  exp/toy\n"


@pytest.mark.parametrize(
    ("stage", "line"),
    [
        (FIRST, "[2/5] first  (src.steps.make())"),
        (TRAIN, "[2/5] train  (large, base, greedy)"),
        (OTHER, "[2/5] again  (train, base, greedy)"),
        (replace(TRAIN, configs={}, model=None), "[2/5] train"),
    ],
)
def test_a_header(stage: Stage, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    console.show_header(verdict(stage, "run"), 2, 5)
    assert capsys.readouterr().out == f"{line}\n"


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("no_color", [True, False])
def test_colours_are_for_terminals_that_want_them(
    no_color: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, err = _Terminal(), _Terminal()
    monkeypatch.setattr("sys.stdout", out)
    monkeypatch.setattr("sys.stderr", err)
    monkeypatch.delenv("NO_COLOR", raising=False)
    if no_color:
        monkeypatch.setenv("NO_COLOR", "1")
    console.show_header(verdict(FIRST, "run"), 1, 1)
    console.print_problem("error: a: b")
    bold, red, end = ("", "", "") if no_color else ("\033[1m", "\033[1;31m", "\033[0m")
    assert out.getvalue() == f"{bold}[1/1] first{end}  (src.steps.make())\n"
    assert err.getvalue() == f"{red}error:{end} a: b\n"


def test_a_long_problem_is_folded_on_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    frame = f'  File "{"x" * 40}"'  # stays as it is
    console.print_problem(f'error: stage "train" failed: it has no weights\n{frame}')
    assert capsys.readouterr().err == (
        f'error: stage "train" failed: it has no\n    weights\n{frame}\n'
    )


def test_a_problem_without_a_colon(capsys: pytest.CaptureFixture[str]) -> None:
    console.print_problem("all is well")
    assert capsys.readouterr() == ("", "all is well\n")


def test_a_list(build: Build, capsys: pytest.CaptureFixture[str]) -> None:
    receipts = {
        "first": Receipt("first", "done", "2026-01-02T03:04:05+00:00", "2026-01-02T03:06:07+00:00"),
        "train": Unreadable("it is not JSON"),
        "again": None,
        "third": Receipt("third", "running", "2026-01-02T03:04:05+00:00"),
    }
    third = replace(TRAIN, name="third", configs={})
    mine = replace(build, stages=(FIRST, TRAIN, OTHER, third))
    words = {"first": "makes a number", "train": "", "again": "", "third": "c"}
    console.show_list(mine, receipts, words)
    assert capsys.readouterr().out.splitlines() == [
        "toy/task  exp/toy",
        "  stage  runs              reads              last run",
        "  first  src.steps.make()  -                  done 2026-01-02 03:06     makes a number",
        "  train  train             base greedy large  unusable",
        "  again  train             base greedy        -",
        "  third  train             large              running 2026-01-02 03:04  c",
    ]


def numbers(count: int) -> dict[str, float | str]:
    return {f"r{index}": index / 2 for index in range(count)}


@pytest.mark.parametrize(
    ("row", "cells"),
    [
        (Row("a", "not run"), "not run  -       -"),
        (Row("a", "done", 0.0), "done    0.0 s  -"),
        (Row("a", "done", 61.0, ["x", "y"]), "done    1 m 01 s  x, y"),
        (Row("a", "done", 2.5, ["x"], {"score": 4.5}), "done    2.5 s  score 4.5"),
        (Row("a", "done", 2.5, [], numbers(4)), "done    2.5 s  r0 0.0, r1 0.5, r2 1.0, r3 1.5"),
        (
            Row("a", "done", 2.5, ["x"], numbers(6)),
            "done    2.5 s  r0 0.0, r1 0.5, r2 1.0, r3 1.5 and 2 more",
        ),
    ],
)
def test_a_row_of_the_summary(row: Row, cells: str, capsys: pytest.CaptureFixture[str]) -> None:
    console.show_summary([row])
    blank, head, line = capsys.readouterr().out.splitlines()
    assert blank == ""
    assert head.split() == ["stage", "status", "time", "made"]
    assert line.split() == ["a", *cells.split()]


def test_a_long_column_is_folded_on_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    row = Row("measure", "done", 3.0, results={"wer test": "12.5 %", "cer of the test": "4.25 %"})
    monkeypatch.setenv("COLUMNS", "50")
    console.show_summary([row])
    assert capsys.readouterr().out == (
        "\n"
        "  stage    status  time   made\n"
        "  measure  done    3.0 s  wer test 12.5 %, cer of\n"
        "                          the test 4.25 %\n"
    )
    monkeypatch.setenv("COLUMNS", "30")  # no room for any column
    console.show_summary([row])
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_a_summary_is_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    console.show_summary([Row("prepare_data", "done", 3.0, ["x"]), Row("b", "not run")])
    assert capsys.readouterr().out == (
        "\n"
        "  stage         status   time   made\n"
        "  prepare_data  done     3.0 s  x\n"
        "  b             not run  -      -\n"
    )
