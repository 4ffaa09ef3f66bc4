"""Text of a manifest reaches code only as a literal or a checked name."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from espnet3_compiler.build.python_text import (
    block,
    class_name,
    long_string,
    require_dotted_path,
    require_identifier,
    string_literal,
    string_map,
    string_tuple,
)

TEXTS = st.text(st.characters(codec="utf-8"), max_size=200)


@given(TEXTS)
def test_a_string_reads_back_equal(text: str) -> None:
    assert ast.literal_eval(string_literal(text)) == text
    assert "\n" not in string_literal(text)


@given(TEXTS)
def test_a_long_text_reads_back_equal(text: str) -> None:
    assert ast.literal_eval(long_string(text)) == text


@given(st.lists(TEXTS, max_size=5), st.dictionaries(TEXTS, TEXTS, max_size=5))
def test_collections_read_back_equal(items: list[str], table: dict[str, str]) -> None:
    assert ast.literal_eval(string_tuple(items)) == tuple(items)
    assert ast.literal_eval(string_map(table)) == table


@given(TEXTS, TEXTS)
def test_no_text_changes_the_shape_of_the_code(first: str, second: str) -> None:
    code = block("call(", [f"a={long_string(first)}", f"b={string_tuple((second, first))}"], ")")
    kinds = [type(node).__name__ for node in ast.walk(ast.parse(code))]
    plain = block("call(", [f"a={long_string('x')}", f"b={string_tuple(('y', 'x'))}"], ")")
    assert kinds == [type(node).__name__ for node in ast.walk(ast.parse(plain))]


@pytest.mark.parametrize(
    "name", ["", "a b", "1a", "class", "a.b", "a-b", "é", "a\nb", "None", "x("]
)
def test_a_bad_name_never_becomes_code(name: str) -> None:
    with pytest.raises(ValueError, match="not an identifier"):
        require_identifier(name)


@pytest.mark.parametrize("path", ["a..b", "a.class", "a.b()", "a;b", ".a", "a."])
def test_a_bad_path_never_becomes_code(path: str) -> None:
    with pytest.raises(ValueError, match="not an identifier"):
        require_dotted_path(path)


@pytest.mark.parametrize(
    ("recipe", "expected"),
    [
        ("digits/asr", "DigitsAsrSystem"),
        ("mini_an4/espnet2_asr", "MiniAn4Espnet2AsrSystem"),
        ("1st-try/x.y", "Recipe1stTryXYSystem"),
        ("_/_", "System"),
    ],
)
def test_class_names(recipe: str, expected: str) -> None:
    assert class_name(recipe) == expected
    assert require_identifier(class_name(recipe)) == expected


TEXT_SAMPLES = [
    "short",
    'with "double" quotes',
    "it's",
    """both " and '""",
    "word " * 40,
    "x" * 150,
    "日本語の説明です。" * 8 + " " + "日本語" * 20,
    "line\nbreak \x1b and \u200b and é " * 5,
    'quotes "in" a "long" text ' * 6,
]
SAMPLES = [
    *(block("f(", ["name=1", f"description={long_string(text)}"], ")") for text in TEXT_SAMPLES),
    string_tuple(()),
    string_tuple(("one",)),
    string_tuple(("a" * 60, "b" * 60)),
    string_map({}),
    string_map({"a": "b"}),
    string_map({"a" * 50: "b" * 50, "c": "d"}),
    block("f(", [f"a={string_tuple(('b', 'c'))}"], ")"),
    block("f(", ["a=1"], ")"),
    block("f(", [], ")"),
]


@pytest.mark.parametrize("words", [14, 15, 29, 30])
def test_a_long_text_is_cut_into_lines(words: int) -> None:
    text = "word " * words
    literal = long_string(text)
    assert ast.literal_eval(literal) == text
    pieces = [line.strip() for line in literal.splitlines() if line not in "()"]
    assert len(pieces) == -(-words // 14)  # 73 characters hold 14 words of five
    assert max(map(len, pieces)) <= 75


def test_ruff_changes_nothing(tmp_path: Path) -> None:
    code = "\n".join(f"v{i} = {sample}" for i, sample in enumerate(SAMPLES)) + "\n"
    file = tmp_path / "sample.py"
    file.write_text(code, encoding="utf-8")
    subprocess.run(
        [sys.executable, "-m", "ruff", "format", "--isolated", "--line-length=100", file],
        check=True,
    )
    assert file.read_text(encoding="utf-8") == code


@pytest.mark.parametrize(
    ("value", "literal"),
    [
        ("", '""'),
        ("it's", '"it\'s"'),
        ('say "so"', "'say \"so\"'"),
        ("one ' and \"", '"one \' and \\""'),
        ("back\\slash", '"back\\\\slash"'),
        ("a\nb\t\x1b\u2028é", '"a\\nb\\t\\x1b\\u2028é"'),
    ],
)
def test_the_quotes_of_a_literal(value: str, literal: str) -> None:
    assert string_literal(value) == literal


def test_one_item_stays_on_the_line_and_two_do_not() -> None:
    assert string_tuple([]) == "()"
    assert string_tuple(["a"]) == '("a",)'
    assert string_tuple(["b", "a"]) == '(\n    "b",\n    "a",\n)'
    assert string_map({}) == "{}"
    assert string_map({"b": "a"}) == '{"b": "a"}'
    assert string_map({"b": "1", "a": "2"}) == '{\n    "b": "1",\n    "a": "2",\n}'
    assert block("f(", ["a=1"], ") -> None:") == "f(a=1) -> None:"
    assert block("f(", ["a=(\n    1\n)"], ")") == "f(\n    a=(\n        1\n    ),\n)"


@pytest.mark.parametrize(("length", "pieces"), [(73, 1), (74, 2)])
def test_where_a_long_text_is_cut(length: int, pieces: int) -> None:
    text = f"{'x' * 40} {'y' * (length - 41)}"
    expected = f'"{text}"' if pieces == 1 else f'(\n    "{text[:41]}"\n    "{text[41:]}"\n)'
    assert long_string(text) == expected
    assert long_string("z" * 100) == f'"{"z" * 100}"'
    assert long_string("a-b " * 2 + "-" * 80) == f'(\n    "a-b a-b "\n    "{"-" * 80}"\n)'
