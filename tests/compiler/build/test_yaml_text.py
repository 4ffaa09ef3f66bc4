"""Composed values are YAML that our reader, PyYAML and libyaml read alike."""

import math

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from espnet3_compiler.build.yaml_text import dump_yaml, render_document
from espnet3_compiler.diagnostics.source import Source
from espnet3_compiler.schema.key_order import in_schema_order
from espnet3_compiler.syntax.read import read_text
from espnet3_compiler.syntax.tree import Plain, to_python
from espnet3_schemas import inline_definitions

LOADERS = [yaml.SafeLoader, *([yaml.CSafeLoader] if hasattr(yaml, "CSafeLoader") else [])]
LETTERS = st.characters(codec="utf-8", exclude_categories=["Cs"])
TEXTS = st.text(LETTERS, max_size=30)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | TEXTS
    | st.from_regex(r"\A[-+.~0-9exXo_:nNyYtTfF ]{0,8}\Z")
)
VALUES = st.recursive(
    SCALARS,
    lambda below: st.lists(below, max_size=4) | st.dictionaries(TEXTS, below, max_size=4),
    max_leaves=12,
)


def typed(value: object) -> object:
    """Distinguish 1 from 1.0 and True, and keep the order of keys."""
    if isinstance(value, dict):
        return [(key, typed(item)) for key, item in value.items()]
    if isinstance(value, list):
        return ["list", *map(typed, value)]
    return type(value).__name__, value


@given(st.dictionaries(TEXTS, VALUES, max_size=4))
def test_everyone_reads_the_same(value: dict[str, Plain]) -> None:
    text = dump_yaml(value)
    for loader in LOADERS:
        assert typed(yaml.load(text, Loader=loader)) == typed(value)
    node, found = read_text(Source("x.yaml", text))
    assert found == ()
    assert node is not None
    assert typed(to_python(node)) == typed(value)


TRAPS = [
    "1e-3",
    "1E5",
    "0x1F",
    "0o17",
    "010",
    "1_000",
    "30:00",
    "2020-01-01",
    "on",
    "yes",
    "NO",
    "~",
    "null",
    "",
    " lead",
    "tail ",
    "a: b",
    "a #b",
    "- a",
    "? a",
    "[a]",
    "{a}",
    "*a",
    "&a",
    "!a",
    "%a",
    "@a",
    "`a",
    "'",
    '"',
    "=",
    "<<",
    ".5",
    "+.inf",
    ".nan",
    "true",
    "a\nb",
    "a\n\nb\n",
    "\n",
    "a\n ",
    " a\nb",
    "\t",
    "a\tb",
    "\x85",
    "\u2028",
    "\ufeff",
    "😀",
    "é",
    "${a.b}",
    "${oc.env:X,y}",
    r"\${a}",
    "---",
    "...",
    "#",
    "|",
    ">",
    "a\r\nb",
    "12e03",
    "1.",
    "-.5",
    "0.oo5",
]


@pytest.mark.parametrize("text", TRAPS)
def test_a_text_stays_a_text(text: str) -> None:
    value = {"key": text, text: "key", "list": [text, text]}
    for loader in LOADERS:
        assert yaml.load(dump_yaml(value), Loader=loader) == value
    node, found = read_text(Source("x.yaml", dump_yaml(value)))
    assert found == ()
    assert node is not None
    assert to_python(node) == value


@pytest.mark.parametrize("number", [1e-3, 1e-5, 1e300, 5e-324, -0.0, math.inf, -math.inf, 3.0])
def test_a_float_stays_a_float(number: float) -> None:
    for loader in LOADERS:
        found = yaml.load(dump_yaml({"a": number}), Loader=loader)["a"]
        assert isinstance(found, float)
        assert found == number


def test_long_texts_stay_on_a_line_and_paragraphs_in_blocks() -> None:
    assert dump_yaml({"a": "word " * 99 + "end"}).count("\n") == 1
    assert dump_yaml({"a": "one\ntwo\n"}) == "a: |\n  one\n  two\n"


def test_lists_of_scalars_are_short_and_lists_of_mappings_are_not() -> None:
    text = dump_yaml({"a": [1, 2], "b": [{"c": 1}], "d": {}, "e": []})
    assert text == "a: [1, 2]\nb:\n  - c: 1\nd: {}\ne: []\n"


def test_the_header_cannot_be_left() -> None:
    text = render_document({"a": 1}, ("x\nb: 2\u2028.yaml",))
    assert yaml.safe_load(text) == {"a": 1}
    assert text.startswith("# Compiled from x?b: 2?.yaml by espnet3-compile; do not edit")


def test_keys_follow_the_schema() -> None:
    schema = {
        "properties": {
            "a": {"$ref": "#/$defs/x"},
            "b": {"items": {"properties": {"d": {}, "c": {}}}},
            "m": {"additionalProperties": {"$ref": "#/$defs/x"}},
        },
        "$defs": {"x": {"properties": {"p": {}, "q": {}}}},
    }
    value: Plain = {
        "z": 1,
        "m": {"two": {"q": 1, "p": 2}, "one": 1},
        "b": [{"c": 1, "d": 2}],
        "a": {"q": 1, "o": 0, "p": 2},
    }
    ordered = in_schema_order(value, inline_definitions(schema))
    assert ordered == value
    assert dump_yaml(ordered) == dump_yaml(
        {
            "a": {"p": 2, "q": 1, "o": 0},
            "b": [{"d": 2, "c": 1}],
            "m": {"two": {"p": 2, "q": 1}, "one": 1},
            "z": 1,
        }
    )


@pytest.mark.parametrize(("last", "lines"), [(34, 1), (35, 2)])
def test_a_list_of_80_characters_is_one_line(last: int, lines: int) -> None:
    value = ["x" * 42, "y" * last]
    assert dump_yaml(value).count("\n") == lines
    assert yaml.safe_load(dump_yaml(value)) == value


def test_which_texts_are_quoted() -> None:
    quoted = ["1", "-0", "+1.5e3", ".5", "0o7", "0xF", ".inf", ".NaN", "TRUE", "False", "null"]
    quoted += ["~", "", "1_000", "12:30", "yes", "Off", "2020-01-01", "1e5", "3.", " a", "a "]
    plain = ["a", "1a", "0o8", "0xG", "nul", "inf", "e5", "1.2.3", "trUe", "a b", "é", "${a.b}"]
    text = dump_yaml([[text] for text in [*quoted, *plain]])
    assert text == "".join([f"- ['{t}']\n" for t in quoted] + [f"- [{_flow(t)}]\n" for t in plain])


def _flow(text: str) -> str:
    return f"'{text}'" if "{" in text else text


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a\nb", "|-\n  a\n  b"),
        ("a\n", "|\n  a"),
        ("a\n\nb\n", "|\n  a\n\n  b"),
        ("\na", '"\\na"'),
        ("a \nb", '"a \\nb"'),
        (" a\nb", '" a\\nb"'),
        ("a\n b", '"a\\n b"'),
        ("a\tb", '"a\\tb"'),
        ("a\x07\nb", '"a\\a\\nb"'),
    ],
)
def test_how_texts_of_lines_are_written(text: str, written: str) -> None:
    assert dump_yaml({"k": text}) == f"k: {written}\n"


def test_lists_and_mappings_keep_their_order_and_repeat_themselves() -> None:
    same: list[Plain] = [3, 1, 2]
    value: Plain = {"b": same, "a": same, "c": [same, {}], "d": [[], {"z": 1, "y": None}]}
    assert dump_yaml(value) == (
        "b: [3, 1, 2]\na: [3, 1, 2]\nc:\n  - [3, 1, 2]\n  - {}\nd:\n  - []\n  - z: 1\n    y: null\n"
    )


def test_the_header_names_all_sources() -> None:
    said = "# Compiled from a.yaml, b é.yaml by espnet3-compile; do not edit, compile again.\n"
    assert render_document({}, ("a.yaml", "b é.yaml")) == f"{said}{{}}\n"
