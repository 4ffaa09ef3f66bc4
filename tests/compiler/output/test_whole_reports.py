"""Whole reports of one list of findings, in every format."""

from importlib.metadata import version
from pathlib import Path

import pytest
from msgspec.structs import replace

from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Edit, Fix, Label
from espnet3_compiler.diagnostics.source import Source, Span
from espnet3_compiler.output import as_json, github, human, sarif
from espnet3_compiler.output.human import render_one
from espnet3_compiler.output.summary import Summary, count_severities, summary_line
from espnet3_compiler.output.terminal_cells import clip_line, escape_controls
from tests.compiler.output_kit import ALL, NOT_CHECKED, OTHER, RECIPE, SET, SUMMARY, UNUSED, span

EXPECTED = Path(__file__).parent / "whole"
LINES = Span(RECIPE, RECIPE.text.index("stages"), RECIPE.text.index("train"))
SEVERAL = Diagnostic(
    "R602",
    "50%\nof it, and: more",
    Label(LINES, "all of it"),
    related=(Label(span(SET, "seed"), "here"), Label(span(OTHER, "seed"))),
    help=("do one", "or other\tthing"),
    notes=("first", "second"),
    fix=Fix(
        "mend",
        (
            Edit(span(OTHER, "-1"), "0"),
            Edit(LINES, "stages: [ü]\n"),
            Edit(span(OTHER, "seed"), "sed"),
        ),
    ),
)
OF_SET = replace(ALL[2], fix=Fix("write 0", (Edit(span(SET, "-1"), "0"),), certain=True))
FOUND = (*ALL, SEVERAL, OF_SET)
TOTALS = replace(
    SUMMARY,
    manifests=("recipes/mini/recipe.yaml", "b ü.yaml"),
    not_checked=(NOT_CHECKED, replace(NOT_CHECKED, message="another\rone", help=())),
)


def without_version(report: str) -> str:
    """Return a report in SARIF that is the same for the next release."""
    return report.replace(f'"version": "{version("espnet3-compile")}"', '"version": "N"')


REPORTS = {
    "report.json": as_json.render(FOUND, TOTALS),
    "report.sarif": without_version(sarif.render(FOUND, TOTALS)),
    "annotations.txt": github.render(FOUND, TOTALS),
    "report.txt": human.render(FOUND, TOTALS),
    "coloured.txt": human.render(FOUND, TOTALS, colour=True),
    "nothing.json": as_json.render((), Summary(())),
    "nothing.sarif": without_version(sarif.render((), SUMMARY)),
    "nothing.txt": human.render((), Summary(("a\x1b.yaml",), seconds=2.345)),
}


@pytest.mark.parametrize("name", REPORTS)
def test_a_whole_report(name):
    assert (EXPECTED / name).read_bytes() == REPORTS[name].encode()


def test_the_number_of_unchecked_targets_that_are_named():
    for count, more in ((9, False), (10, False), (11, True)):
        text = human.render((), replace(SUMMARY, not_checked=(NOT_CHECKED,) * count))
        assert text.count('"far.Net" was not checked') == min(count, 10)
        assert ("note: 1 more were not checked" in text) is more


def test_severities_are_counted():
    assert count_severities(FOUND) == (5, 1)
    assert count_severities(()) == (0, 0)


@pytest.mark.parametrize(
    ("found", "summary", "line"),
    [
        ((UNUSED,), Summary(("a",)), "a: 1 warning; 0 targets checked, 0 not checked"),
        ((UNUSED,) * 2, Summary(("a",)), "a: 2 warnings; 0 targets checked, 0 not checked"),
        (
            (UNUSED, ALL[0]),
            Summary(("a", "b"), 2, 1, 0.0),
            "2 manifests: 1 error and 1 warning; 2 targets checked, 1 not checked; 0.00 s",
        ),
        ((), Summary((), 1), "0 manifests: no mistakes; 1 target checked, 0 not checked"),
    ],
)
def test_the_totals(found, summary, line):
    assert summary_line(found, summary) == line


@pytest.mark.parametrize(("line", "gutter"), [(9, 2), (99, 2), (100, 3), (1000, 4)])
def test_the_gutter_fits_the_longest_number(line, gutter):
    source = Source("a.yaml", "\n" * (line - 1) + "seed: -1\n")
    finding = Diagnostic(
        "R605", "m", Label(span(RECIPE, "name")), related=(Label(span(source, "-1"), "here"),)
    )
    empty = " " * gutter
    assert render_one(finding).splitlines()[1:] == [
        f"{empty}--> recipes/mini/recipe.yaml:3:5",
        f"{empty} |",
        f"{'3':>{gutter}} |   - name: train",
        f"{empty} |     ^^^^",
        f"{empty} |",
        f"{empty}::: a.yaml:{line}:7",
        f"{empty} |",
        f"{line:>{gutter}} | seed: -1",
        f"{empty} |       -- here",
    ]


def test_labels_of_one_source_are_shown_together_by_line():
    copy = Source("a.yaml", "x: 1\ny: 2\nz: 3\n")
    same = Source("a.yaml", "x: 1\ny: 2\nz: 3\n")
    finding = Diagnostic(
        "R605",
        "m",
        Label(span(copy, "2"), "main"),
        related=(
            Label(span(same, "3"), "last"),
            Label(span(same, "y"), "beside"),
            Label(span(copy, "1"), "first"),
        ),
    )
    assert render_one(finding).splitlines()[1:] == [
        "  --> a.yaml:2:4",
        "   |",
        " 1 | x: 1",
        "   |    - first",
        " 2 | y: 2",
        "   |    ^ main",
        "   | - beside",
        " 3 | z: 3",
        "   |    - last",
    ]


@pytest.mark.parametrize("text", ["", "\n"])
def test_an_empty_line_is_shown(text):
    finding = Diagnostic("R605", "m", Label(Span(Source("a.yaml", text), 0, 0), "here"))
    assert render_one(finding).splitlines()[1:] == [
        "  --> a.yaml:1:1",
        "   |",
        " 1 |",
        "   | ^ here",
    ]


def test_a_clipped_line_is_shown_again_for_a_mark_elsewhere():
    source = Source("a.yaml", "x" + "a" * 98 + "y\n")
    finding = Diagnostic(
        "R605", "m", Label(Span(source, 0, 1)), related=(Label(Span(source, 99, 100)),)
    )
    assert render_one(finding, columns=45).splitlines()[3:] == [
        f" 1 | x{'a' * 38}…",
        "   | ^",
        f" 1 | …{'a' * 38}y",
        f"   | {' ' * 39}-",
    ]


@pytest.mark.parametrize(
    ("start", "end", "width", "text", "cells"),
    [
        (0, 2, 30, "0123456789abcdefghijklmnopqrs…", (0, 2)),
        (20, 22, 30, "0123456789abcdefghijklmnopqrs…", (20, 22)),
        (21, 22, 30, "…23456789abcdefghijklmnopqrst…", (20, 21)),
        (34, 36, 30, "…789abcdefghijklmnopqrstuvwxyz", (28, 30)),
        (36, 36, 36, "0123456789abcdefghijklmnopqrstuvwxyz", (36, 37)),
        (0, 36, 35, "0123456789abcdefghijklmnopqrstuvwx…", (0, 34)),
        (10, 36, 30, "0123456789abcdefghijklmnopqrs…", (10, 29)),
        (25, 26, 30, "…6789abcdefghijklmnopqrstuvwx…", (20, 21)),
        (26, 27, 30, "…789abcdefghijklmnopqrstuvwxyz", (20, 21)),
        (27, 27, 30, "…789abcdefghijklmnopqrstuvwxyz", (21, 22)),
        (0, 36, 36, "0123456789abcdefghijklmnopqrstuvwxyz", (0, 36)),
    ],
)
def test_clipped_lines(start, end, width, text, cells):
    view = clip_line("0123456789abcdefghijklmnopqrstuvwxyz", start, end, width)
    assert (view.text, (view.start, view.end)) == (text, cells)


@pytest.mark.parametrize(
    ("start", "width", "text", "cells"),
    [
        (0, 40, "漢字かな交じり文だよ漢字かな交じり文だ…", (0, 2)),
        (21, 40, "…な交じり文だよ漢字かな交じり文だよ漢字", (37, 39)),
        (12, 41, "…な交じり文だよ漢字かな交じり文だよ漢字", (19, 21)),
        (14, 30, "…じり文だよ漢字かな交じり文…", (19, 21)),
    ],
)
def test_clipped_lines_of_wide_letters(start, width, text, cells):
    view = clip_line("漢字かな交じり文だよ漢字かな交じり文だよ漢字", start, start + 1, width)
    assert (view.text, (view.start, view.end)) == (text, cells)


def test_tabs_and_what_cannot_be_printed():
    assert clip_line("\ta\tb", 1, 2, 80).text == "    a   b"
    assert clip_line("abcd\tb", 0, 1, 80).text == "abcd    b"
    assert clip_line("漢\tb", 0, 1, 80).text == "漢  b"
    hidden = clip_line("a\x00\u200b\ue000\u2028 b", 0, 1, 80).text
    assert hidden == "a" + "\N{REPLACEMENT CHARACTER}" * 4 + " b"
    assert escape_controls("a\n\t\r\x00\u200b b漢") == "a\\n\\t\\r\\u0000\\u200b b漢"
