"""Syntax errors: one finding each, at its place, with its fix."""

import pytest

from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from tests.compiler.front_kit import place
from tests.compiler.syntax_kit import read


def test_all_mistakes_up_to_a_syntax_error_are_found_in_one_run() -> None:
    _, found = read("a: 1\na: 2\n3: x\nb: !t 1\nc: *no\nd: {e: 1, e: 2}\nf: [1\ng: 'h\n")
    assert sorted(finding.code for finding in found) == [
        *("R101", "R102", "R102", "R103", "R106", "R110"),
    ]


@pytest.mark.parametrize(
    ("text", "message", "where", "value"),
    [
        ("a: [1\nb: 2\n", '"[" is never closed', "f:1:4 [", {"a": [1], "b": 2}),
        ("a: {b: 1 c: 2}\n", '"," or "}" is expected', "f:1:11 : 2}", {"a": {"b": 1, "c": 2}}),
        ("a: {b: ${c}}\n", '"${c}" must stand in quotes', "f:1:8 ${c}", {"a": {"b": "${c}"}}),
        (
            "a: [x, y/${b.${c}}/z, {d: 1}]\n",
            '"y/${b.${c}}/z" must stand in quotes',
            "f:1:8 y/${b.${c}}/z",
            {"a": ["x", "y/${b.${c}}/z", {"d": 1}]},
        ),
        ("a: {b: 1\nc: 2\n", '"{" is never closed', "f:1:4 {", {"a": {"b": 1}, "c": 2}),
        ("a: 'b\nc: 1\n", "the quote ' is never closed", "f:1:4 'b", {"a": "b", "c": 1}),
        ('a: "\\q"\n', '"\\q" is no escape', "f:1:5 \\q", {"a": "\\q"}),
        ("a: b: c\n", "must stand in quotes", "f:1:5 :", {"a": "b: c"}),
        ("a: @b\n", 'cannot start with "@"', "f:1:4 @b", {"a": "@b"}),
        ("a: *.wav\n", '"*" begins an alias', "f:1:4 *.wav", {"a": "*.wav"}),
        ("a:\n  b: 1\n    c: 2\n", "indented more", "f:3:5 c: 2", {"a": {"b": 1, "c": 2}}),
        (
            "a:\n   b: 1\n  c: 2\n",
            "indentation of its block",
            "f:3:3 c: 2",
            {"a": {"b": 1, "c": 2}},
        ),
        ("a:\n  lr 1\n  b: 2\n", '"lr 1" has no ":"', "f:2:3 lr 1", {"a": {"lr": 1, "b": 2}}),
        ("a:\n  lr:1\n  b: 2\n", "needs a space", "f:2:3 lr:1", {"a": {"lr": 1, "b": 2}}),
        ("a: 1\nb 2\n", '"b 2" has no ":"', "f:2:1 b 2", {"a": 1, "b": 2}),
        ("- a:1\n  b: 2\n", "needs a space", "f:1:1 - a:1", [{"a": 1, "b": 2}]),
        ("a:{b: 1, c: 2}\n", "needs a space", "f:1:1 a:{b: 1, c: 2}", {"a": {"b": 1, "c": 2}}),
        (
            "a:\n  b:\n    c: 1\n d: 2\n",
            "indentation of its block",
            "f:4:2 d: 2",
            {"a": {"b": {"c": 1}}, "d": 2},
        ),
        (
            "a:\n  - b\n - c\n  - d\n",
            "indentation of its block",
            "f:3:2 - c",
            {"a": ["b", "c", "d"]},
        ),
        ("a: ]\nb: 1\n", 'the "]" is not expected', "f:1:4 ]", None),
        ("a: 'b' c\n", "text follows after a closing quote", "f:1:8 c", None),
        ("a: - b\n", '"- " cannot begin here', "f:1:4 -", None),
        ("a: |x\n", '"|" must end its line', "f:1:4 |x", None),
        ("a: [1,\n  2,\nb: 3\n", '"[" is never closed', "f:1:4 [", None),
        ("[", "ends too early", "f:1:1 [", None),
        ('a: "b\\', "is no escape", "f:1:6 \\", None),
    ],
)
def test_syntax_errors(text: str, message: str, where: str, value: object) -> None:
    got, found = read(text)
    assert [finding.code for finding in found] == ["R101"], [f.message for f in found]
    assert message in found[0].message
    assert place(found[0]) == where
    assert got is None
    assert (found[0].fix is not None) == (value is not None)
    if value is not None:
        assert read(mended(text, found[0])) == (value, ())


def mended(text: str, finding: Diagnostic) -> str:
    """Return a text after the fix of a finding."""
    assert finding.fix is not None
    for edit in reversed(finding.fix.edits):
        text = text[: edit.span.start] + edit.text + text[edit.span.end :]
    return text


def test_the_fixes_of_syntax_errors_lead_to_a_text_that_reads_clean() -> None:
    text = "a: [1\nb: 'x\nc:\n\td: 1\ne: u: v\nf:\n  lr:0.1\n  g: 2\n"
    runs = 0
    while found := read(text)[1]:
        assert len(found) == 1
        text, runs = mended(text, found[0]), runs + 1
    assert runs == 5
    got, _ = read(text)
    assert got == {"a": [1], "b": "x", "c": {"d": 1}, "e": "u: v", "f": {"lr": 0.1, "g": 2}}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a:\n    b: 1\n\tc: 2\n    d: 3\n", {"a": {"b": 1, "c": 2, "d": 3}}),
        ("a:\n    b:\n\tc: 2\n", {"a": {"b": {"c": 2}}}),
        ("a:\n  - b: 1\n\tc: 2\n", {"a": [{"b": 1, "c": 2}]}),
        ("a:\n\tb:\n      c: 2\n", {"a": {"b": {"c": 2}}}),
        ("a:\n\tb:\n\t\tc: 2\n\td: 1\n", {"a": {"b": {"c": 2}, "d": 1}}),
    ],
)
def test_the_fix_of_tabs_is_the_indentation_around_them(text: str, value: object) -> None:
    _, found = read(text)
    assert [finding.code for finding in found] == ["R112"]
    assert read(mended(text, found[0])) == (value, ())
