"""Text of a manifest reaches code only as a literal or a checked name, laid out as ruff would."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from espnet3_compiler.emit.literal import (
    Group,
    Text,
    class_name,
    dotted,
    identifier,
    lay_out,
    string,
    string_map,
    strings,
    width,
)

TEXTS = st.text(st.characters(codec="utf-8"), max_size=200)


@given(TEXTS)
def test_a_string_reads_back_equal(text: str) -> None:
    assert ast.literal_eval(string(text)) == text
    assert "\n" not in string(text)


@given(TEXTS, st.integers(0, 20))
def test_a_text_reads_back_equal_however_it_is_laid_out(text: str, level: int) -> None:
    code = lay_out(Text(text), 4 * level, "value = ").strip()
    assert ast.literal_eval(ast.parse(code).body[0].value) == text


@given(st.lists(TEXTS, max_size=5), st.dictionaries(TEXTS, TEXTS, max_size=5))
def test_collections_read_back_equal(items: list[str], table: dict[str, str]) -> None:
    assert ast.literal_eval(lay_out(strings(tuple(items)))) == tuple(items)
    assert ast.literal_eval(lay_out(string_map(table))) == table


@given(TEXTS, TEXTS)
def test_no_text_changes_the_shape_of_the_code(first: str, second: str) -> None:
    layout = Group("call(", (("a=", Text(first)), ("b=", strings((second, first)))), ")")
    tree = ast.parse(lay_out(layout))
    kinds = [type(node).__name__ for node in ast.walk(tree)]
    plain = Group("call(", (("a=", Text("x")), ("b=", strings(("y", "x")))), ")")
    assert kinds == [type(node).__name__ for node in ast.walk(ast.parse(lay_out(plain)))]


@pytest.mark.parametrize(
    "name", ["", "a b", "1a", "class", "a.b", "a-b", "é", "a\nb", "None", "x("]
)
def test_a_bad_name_never_becomes_code(name: str) -> None:
    with pytest.raises(ValueError, match="not an identifier"):
        identifier(name)


@pytest.mark.parametrize("path", ["a..b", "a.class", "a.b()", "a;b", ".a", "a."])
def test_a_bad_path_never_becomes_code(path: str) -> None:
    with pytest.raises(ValueError, match="not an identifier"):
        dotted(path)


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
    assert identifier(class_name(recipe)) == expected


def test_wide_characters_count_twice() -> None:
    assert width("日本") == 4
    assert width("e\u0301") == 1


SAMPLES = [
    Text("short"),
    Text('with "double" quotes'),
    Text("it's"),
    Text("""both " and '"""),
    Text("word " * 40),
    Text("x" * 150),
    Text("日本語の説明です。" * 8 + " " + "日本語" * 20),
    Text("line\nbreak \x1b and \u200b and é " * 5),
    Text('quotes "in" a "long" text ' * 6),
    strings(()),
    strings(("one",)),
    strings(("a" * 60, "b" * 60)),
    strings(("a" * 120,)),
    string_map({}),
    string_map({"a": "b"}),
    string_map({"a" * 50: "b" * 50, "c": "d"}),
    Group("f(", (("a=", Group("g(", (("b=", strings(("c" * 90,))),), ")")), ("d=", "e")), ")"),
    Group("f(", (), ")"),
]


def test_ruff_changes_nothing(tmp_path: Path) -> None:
    code = "\n".join(lay_out(sample, 0, f"v{i} = ") for i, sample in enumerate(SAMPLES)) + "\n"
    file = tmp_path / "sample.py"
    file.write_text(code, encoding="utf-8")
    subprocess.run(
        [sys.executable, "-m", "ruff", "format", "--isolated", "--line-length=100", file],
        check=True,
    )
    assert file.read_text(encoding="utf-8") == code
