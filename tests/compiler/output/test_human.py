"""What a person reads."""

import re
import unicodedata

import pytest

from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.diagnostics.source import Source, Span
from espnet3_compiler.output.human import render, render_one
from espnet3_compiler.output.summary import Summary
from espnet3_compiler.output.terminal_cells import clip_line, escape_controls
from tests.compiler.output_kit import ALL, FROM_SET, OUT_OF_RANGE, RECIPE, SUMMARY, TWICE, span


def columns(text):
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in text)
    return len(text) + wide - sum(bool(unicodedata.combining(char)) for char in text)


def test_the_look():
    assert render_one(TWICE) == (
        'error[R201 duplicate-name]: two stages are called "train"\n'
        "  --> recipes/mini/recipe.yaml:4:11\n"
        "   |\n"
        " 3 |   - name: train\n"
        "   |           ----- first used here\n"
        " 4 |   - name: train\n"
        "   |           ^^^^^ used again here\n"
        "   |\n"
        '   = help: give the second stage its own name, for example "train_lm"'
    )


def test_places_in_several_files():
    assert render_one(OUT_OF_RANGE) == (
        'error[R605 out-of-range]: "seed" must be at least 0, not -1\n'
        "  --> recipes/mini/conf/training, 100%.yaml:1:7\n"
        "   |\n"
        " 1 | seed: -1\n"
        "   |       ^^ at least 0\n"
        "   |\n"
        "  ::: recipes/mini/recipe.yaml:2:1\n"
        "   |\n"
        " 2 | stages:\n"
        "   | ------ inherited here\n"
        "   |\n"
        "   = note: a fact"
    )


def test_nothing_follows_a_finding_without_advice():
    assert render_one(FROM_SET).splitlines()[-2:] == [
        "   | training.seed=-1",
        "   |               ^^",
    ]


def test_a_wide_gutter():
    source = Source("a.yaml", "\n" * 1233 + "seed: -1\n")
    finding = Diagnostic("R605", "m", Label(span(source, "-1"), "here"))
    assert render_one(finding).splitlines()[1:] == [
        "    --> a.yaml:1234:7",
        "     |",
        "1234 | seed: -1",
        "     |       ^^ here",
    ]


@pytest.mark.parametrize(
    ("line", "marked"),
    [
        ("a: 漢字 x", "x"),
        ("a: 漢字 x", "字"),
        ("\ta:\tvalue", "value"),
        ("e\u0301a: x", "x"),
        ("a: \x1b[31mx", "x"),
        ("\u202ea: x", "x"),
        ("emoji 🎉: x", "x"),
        ("a: x", "a: x"),
    ],
)
def test_marks_stand_under_what_they_mark(line, marked):
    start = line.index(marked)
    view = clip_line(line, start, start + len(marked), 80)
    before = columns(clip_line(line, 0, max(start, 1), 80).text.partition(marked)[0])
    assert view.start == before if start else view.start == 0
    assert view.end - view.start == columns(marked)
    assert "\x1b" not in view.text
    assert "\u202e" not in view.text
    assert "\t" not in view.text


def test_a_mark_at_the_end_of_a_line_is_one_cell():
    view = clip_line("key:", 4, 4, 80)
    assert (view.start, view.end) == (4, 5)


@pytest.mark.parametrize("width", [40, 60, 120])
@pytest.mark.parametrize("start", [0, 1, 19, 20, 50, 150, 296, 299])
@pytest.mark.parametrize("length", [1, 4, 30, 200])
@pytest.mark.parametrize("letters", ["abcdefghij", "漢字かな交じり文だよ"])
def test_long_lines_are_clipped_around_the_mark(width, start, length, letters):
    line = letters * 30
    end = min(start + length, len(line))
    view = clip_line(line, start, end, width)
    assert columns(view.text) <= width
    assert 0 <= view.start < view.end <= columns(view.text)
    marked = "".join(_cells(view.text)[view.start : view.end]).replace("\0", "")
    assert line[start:end].startswith(marked.rstrip("…"))
    assert marked.rstrip("…")


def _cells(text):
    cells = []
    for char in text:
        cells.append(char)
        cells.extend("\0" * (columns(char) - 1))
    return cells


def test_messages_cannot_change_the_terminal():
    source = Source("a\x1b[2J.yaml", "key: \x1b[31m\n")
    finding = Diagnostic("R606", "not \x1b[31m", Label(Span(source, 5, 10), "\x1b"), help=("\r",))
    assert not re.search(r"[\x00-\x09\x0b-\x1f]", render_one(finding))
    assert escape_controls("a\x1bb\nc") == "a\\u001bb\\nc"


def test_a_mark_of_several_lines_ends_with_the_first():
    source = Source("a.yaml", "a:\n  b: 1\n  c: 2\n")
    finding = Diagnostic("R602", "m", Label(Span(source, 0, 16), "all of it"))
    assert render_one(finding).splitlines()[-1] == "   | ^^ all of it"


def test_marks_of_one_line_stand_below_each_other():
    finding = Diagnostic(
        "R607",
        "m",
        Label(span(RECIPE, "train"), "second"),
        related=(Label(span(RECIPE, "name"), "first"),),
    )
    assert render_one(finding).splitlines()[3:] == [
        " 3 |   - name: train",
        "   |           ^^^^^ second",
        "   |     ---- first",
    ]


def test_colour_only_when_asked():
    assert "\x1b[" not in render(ALL, SUMMARY)
    coloured = render(ALL, SUMMARY, colour=True)
    assert "\x1b[1;31merror[R201 duplicate-name]\x1b[0m" in coloured
    assert "\x1b[1;33mwarning[R207 unused-config]\x1b[0m" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == render(ALL, SUMMARY)


@pytest.mark.parametrize(
    ("findings", "summary", "line"),
    [
        (ALL, SUMMARY, "3 errors and 1 warning; 12 targets checked, 3 not checked; 0.12 s"),
        (ALL[:1], SUMMARY, "1 error; 12 targets checked, 3 not checked; 0.12 s"),
        (
            (),
            Summary(("a.yaml",), targets=1),
            "a.yaml: no mistakes; 1 target checked, 0 not checked",
        ),
        ((), Summary(("a", "b")), "2 manifests: no mistakes; 0 targets checked, 0 not checked"),
    ],
)
def test_the_last_line_sums_up(findings, summary, line):
    last = render(findings, summary).splitlines()[-1]
    assert last.endswith(line)
    assert last.startswith(("recipes/mini/recipe.yaml: ", "a.yaml: ", "2 manifests: "))


def test_findings_are_apart_by_one_empty_line():
    assert len(render(ALL, SUMMARY).split("\n\n")) == len(ALL) + 1


LONG = Diagnostic(
    "R502",
    "src.model.CTCModel has no argument with a name that is as long as this one",
    Label(
        span(RECIPE, "train"), "not in (frontend, feats_stats, vocab_size, hidden_size, dropout)"
    ),
    help=("write one of the names that the class has, or give the class another argument",),
)


@pytest.mark.parametrize("width", [48, 60, 80])
@pytest.mark.parametrize("finding", [*ALL, LONG])
def test_a_report_fits_its_terminal(finding, width):
    text = render((finding,), SUMMARY, columns=width)
    assert max(map(columns, text.splitlines())) <= width
    assert "^" in text
    words = [line.strip(" |=") for line in text.splitlines()]
    assert " ".join(" ".join(words).split()).count(finding.message) == 1


def test_what_is_said_of_a_mark_stands_below_where_there_is_no_room():
    lines = render_one(LONG, columns=60).splitlines()
    assert lines[5:7] == [
        "   |           ^^^^^",
        "   | not in (frontend, feats_stats, vocab_size, hidden_size,",
    ]
