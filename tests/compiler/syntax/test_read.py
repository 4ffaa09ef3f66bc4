"""Reading: values by the core schema, exact places, every mistake at its place with its words."""

import math
from pathlib import Path

import pytest

from espnet3_compiler.diagnostics.source import Source
from espnet3_compiler.syntax.placeholder import is_placeholder
from espnet3_compiler.syntax.read import MAX_BYTES, read_file, read_text
from espnet3_compiler.syntax.tree import Mapping, Scalar, Sequence, node_at, to_python
from tests.compiler.front_kit import place
from tests.compiler.syntax_kit import one, read


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 1e-3),
        ("1E5", 1e5),
        ("1.", 1.0),
        (".5", 0.5),
        ("-.5e+3", -500.0),
        ("010", 10),
        ("+7", 7),
        ("-0", 0),
        ("0o17", 15),
        ("0x1F", 31),
        ("1_000", "1_000"),
        ("30:00", "30:00"),
        ("on", "on"),
        ("Yes", "Yes"),
        ("n", "n"),
        ("true", True),
        ("True", True),
        ("TRUE", True),
        ("tRUE", "tRUE"),
        ("FALSE", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("Null", None),
        (".inf", math.inf),
        ("-.INF", -math.inf),
        ("+.inf", math.inf),
        ("inf", "inf"),
        ("0.oo5", "0.oo5"),
        ("2024-01-01", "2024-01-01"),
        ("0o8", "0o8"),
        ("0xG", "0xG"),
        ("1e", "1e"),
        (".", "."),
        ("-", None),
        ("0b1", "0b1"),
        ("'1'", "1"),
        ('"~"', "~"),
        ("=", "="),
    ],
)
def test_scalars_of_the_core_schema(text: str, value: object) -> None:
    got, found = read(f"k: {text}\n" if text != "-" else "k:\n")
    assert found == ()
    assert isinstance(got, dict)
    assert got["k"] == value
    assert type(got["k"]) is type(value)


def test_not_a_number() -> None:
    got, _ = read("k: .NaN\n")
    assert isinstance(got, dict)
    assert math.isnan(got["k"])


TEXT = """\
# é \U0001f600 characters beyond the basic plane before everything
plain: some text # comment
multi: one
  two

  three
single: 'it''s'
double: "a\\tb \U0001f600"
literal: |
  line one
  line two

folded: >-
  a
  b
list:
- 1
- {x: [2, 3]}
flow: {a: 1,
  b: }
empty:
anchored: &here  # comment
  k: v
used: *here
"""


@pytest.mark.parametrize(
    ("path", "raw"),
    [
        (("plain",), "some text"),
        (("multi",), "one\n  two\n\n  three"),
        (("single",), "'it''s'"),
        (("double",), '"a\\tb \U0001f600"'),
        (("literal",), "|\n  line one\n  line two"),
        (("folded",), ">-\n  a\n  b"),
        (("list",), "- 1\n- {x: [2, 3]}"),
        (("list", 1), "{x: [2, 3]}"),
        (("list", 1, "x", 1), "3"),
        (("flow",), "{a: 1,\n  b: }"),
        (("flow", "b"), ""),
        (("empty",), ""),
        (("anchored",), "k: v"),
        (("used", "k"), "v"),
    ],
)
@pytest.mark.parametrize("breaks", ["\n", "\r\n"])
def test_places(path: tuple[str | int, ...], raw: str, breaks: str) -> None:
    text = TEXT.replace("\n", breaks)
    root, found = read_text(Source("f", text))
    assert not found
    assert root is not None
    node = node_at(root, path)
    assert node is not None
    assert node.span.text == raw.replace("\n", breaks)
    assert text[node.span.start : node.span.end] == raw.replace("\n", breaks)


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_bytes(b"\xef\xbb\xbfkey: value\r\n")
    root, source, found = read_file(path, "f.yaml", path.parent)
    assert not found
    assert source is not None
    assert root is not None
    assert source.line_column(root.entries[0].value.span.start) == (1, 6)


def test_aliases_keep_both_places() -> None:
    root, _ = read_text(Source("f", "a: &x {k: [1]}\nb: *x\nc: *x\n"))
    assert root is not None
    leaf = node_at(root, ("b", "k", 0))
    assert isinstance(leaf, Scalar)
    assert leaf.span.text == "1"
    assert [(step.how, step.span.start) for step in leaf.via] == [("alias", 18)]
    assert node_at(root, ("a", "k", 0)) == leaf


def test_an_alias_can_be_a_key() -> None:
    assert read("a: &x k\n*x : 1\n")[0] == {"a": "k", "k": 1}


def test_an_anchor_means_the_latest_before() -> None:
    assert read("a: &x 1\nb: *x\nc: &x 2\nd: *x\n")[0] == {"a": 1, "b": 1, "c": 2, "d": 2}


def test_merge_keys() -> None:
    text = "base: &b {x: 1, y: 1}\nmore: &m {y: 2, z: 2}\nall: {x: 0, <<: [*b, *m], w: 3}\n"
    root, found = read_text(Source("f", text))
    assert not found
    assert root is not None
    merged = node_at(root, ("all",))
    assert isinstance(merged, Mapping)
    assert to_python(merged) == {"x": 0, "y": 1, "z": 2, "w": 3}
    leaf = merged.get("z")
    assert leaf is not None
    assert [(step.how, step.span.text) for step in leaf.via] == [("merge", "<<"), ("alias", "*m")]
    assert read("k: {'<<': 1}\n") == ({"k": {"<<": 1}}, ())


@pytest.mark.parametrize(
    ("text", "code", "message", "where", "value"),
    [
        ("a: 1\nb: 2\na: 3\n", "R102", 'the key "a" stands twice', "f:3:1 a", {"a": 1, "b": 2}),
        ("a: {b: 1, b: 2}\n", "R102", 'the key "b" stands twice', "f:1:11 b", {"a": {"b": 1}}),
        ("a: !!python/x y\n", "R103", '"!!python/x"', "f:1:4 !!python/x", {"a": "y"}),
        ("a: !!str 1\n", "R103", '"!!str"', "f:1:4 !!str", {"a": "1"}),
        ("a: !x\n", "R103", '"!x"', "f:1:4 !x", {"a": "${}"}),
        ("a: &a [1, *a]\n", "R104", '"*a" stands inside', "f:1:11 *a", {"a": [1, "${}"]}),
        ("1: a\n", "R106", 'the key "1" is a number', "f:1:1 1", {"1": "a"}),
        ("true: a\n", "R106", 'the key "true" is a truth value', "f:1:1 true", {"true": "a"}),
        ("'1': a\n1: b\n", "R106", 'the key "1" is a number', "f:2:1 1", {"1": "a"}),
        ("1: a\n'1': b\n", "R106", 'the key "1" is a number', "f:1:1 1", {"1": "a"}),
        ("? [a]\n: b\nc: 1\n", "R106", "not a list", "f:1:3 [a]", {"[a]": "b", "c": 1}),
        ("a: {{b}}\n", "R106", "not a mapping", "f:1:5 {b}", {"a": {"{b}": None}}),
        ("a: 1\n---\nb: 1\n", "R107", "more than one", "f:2:1 ---", {"a": 1}),
        ("a: *b\n", "R110", '"&b"', "f:1:4 *b", {"a": "${}"}),
        ("a: &abc 1\nb: *abd\n", "R110", '"&abd"', "f:2:4 *abd", {"a": 1, "b": "${}"}),
        ("<<: 1\na: 2\n", "R111", "not a number", "f:1:1 <<", {"a": 2}),
        ("<<: [{a: 1}, x]\n", "R111", "not text", "f:1:1 <<", {"a": 1}),
        (f"a: {'9' * 2000}\n", "R105", "digits", f"f:1:4 {'9' * 2000}", {"a": "${}"}),
        ("a:\n\tb: 1\n", "R112", "a tab", "f:2:1 \t", None),
    ],
)
def test_mistakes(text: str, code: str, message: str, where: str, value: object) -> None:
    got, found = read(text)
    assert [finding.code for finding in found] == [code]
    assert message in found[0].message
    assert place(found[0]) == where
    assert got == value


def test_the_nearest_anchor_is_proposed() -> None:
    finding = one("a: &abc 1\nb: *abd\n")
    assert finding.help == ('did you mean "*abc"?',)
    assert finding.fix is not None


def test_a_number_as_key_is_quoted_by_the_fix() -> None:
    finding = one("1e3: a\n")
    assert finding.fix is not None
    assert [(edit.span.text, edit.text) for edit in finding.fix.edits] == [("1e3", '"1e3"')]


@pytest.mark.parametrize(
    ("data", "code", "message"),
    [
        (b"", "R109", "is empty"),
        (b"# only a comment\n", "R109", "is empty"),
        (b"- a\n", "R109", "holds no mapping"),
        (b"text\n", "R109", "holds no mapping"),
        (b"a: \xff\n", "R108", "is not UTF-8 text"),
        (b"\xff\xfea\x00", "R108", "is not UTF-8 text but UTF-16"),
        (b"a: \x00\n", "R108", "U+0000"),
        (b"a: \x1b[0m\n", "R108", "U+001B"),
        (b"a: b\n" * MAX_BYTES, "R105", "larger than 2 MB"),
    ],
)
def test_files_that_are_no_recipe(data: bytes, code: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_bytes(data)
    root, _, found = read_file(path, "f.yaml", path.parent)
    assert root is None
    assert [finding.code for finding in found] == [code]
    assert message in found[0].message


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    for path in (tmp_path / "no.yaml", tmp_path, tmp_path / "a\0b"):
        root, source, found = read_file(path, "f.yaml", path.parent)
        assert root is source is None
        assert [finding.code for finding in found] == ["R701"]


def test_an_alias_bomb_is_bounded() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 9)]
    got, found = read("\n".join(lines))
    assert [finding.code for finding in found] == ["R105"]
    assert isinstance(got, dict)


@pytest.mark.parametrize(
    "text",
    [
        "\t#",
        "\t# a\u2028\n",
        "[" * 5000,
        "{a: " * 5000,
        "- " * 5000,
        "? " * 3000,
        "a:\n" + " " * 9,
        "&a " * 5000,
    ],
)
def test_deep_nesting_is_bounded(text: str) -> None:
    _, found = read(text)
    assert {finding.code for finding in found} <= {"R105", "R101", "R106", "R112"}


def test_chained_aliases_do_not_grow_deeper_than_the_limit() -> None:
    deep = "[" * 40 + "x" + "]" * 40
    more = "[" * 40 + "*a" + "]" * 40
    got, found = read(f"a: &a {deep}\nb: {more}\n")
    assert [finding.code for finding in found] == ["R105"]
    assert got is not None


def test_placeholders_are_known() -> None:
    root, _ = read_text(Source("f", "a: !t [1]\nb: !!int x\n"))
    assert root is not None
    first, second = node_at(root, ("a",)), node_at(root, ("b",))
    assert isinstance(first, Sequence)
    assert second is not None
    assert is_placeholder(second)


def test_reading_may_begin_inside_a_text() -> None:
    source = Source("--set", "a.b={c: [1, '\U0001f600']}", "set")
    root, found = read_text(source, 4)
    assert not found
    assert root is not None
    leaf = node_at(root, ("c", 1))
    assert leaf is not None
    assert leaf.span.text == "'\U0001f600'"
