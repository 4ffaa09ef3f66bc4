"""Whatever the bytes: reading ends in a tree and findings, never in a traceback."""

import math
import re
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from espnet3_compiler.diagnostics.codes import BY_NUMBER
from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.diagnostics.source import Source, Span
from espnet3_compiler.expressions.template import parse
from espnet3_compiler.syntax import parser
from espnet3_compiler.syntax.placeholder import is_placeholder
from espnet3_compiler.syntax.read import read_file, read_text
from espnet3_compiler.syntax.tree import Mapping, Node, Scalar, Sequence, node_at, to_python

MARKS = "- : # , [ ] { } & * ! | > ' \" % @ ` ? ~ < = \\ . / 0 1 e"
PIECES = st.sampled_from(
    [
        *MARKS.split(" "),
        *(
            "\n",
            "\n  ",
            "\n    ",
            "\n- ",
            "\n  - ",
            "\t",
            " ",
            "  ",
            "\r\n",
            "\r",
            "---\n",
            "...\n",
        ),
        *("a", "bc: ", "key:", "k: v\n", "<<: ", "&x ", "*x", "!!str ", "|-\n", ">+\n", "''", '""'),
        *("${a}", "${", "}", "1e-3", "0x1F", "true", "null", "\u00e9", "\U0001f600", "\u2028"),
        *("\ufeff", "\x00", "\x07", "\x85", "\\x41", "\\uD800", "\\UFFFFFFFF", "# c\n"),
        "%YAML 1.2\n---\n",
    ]
)
UNLIKE = re.compile(r"\t|%|[|>][-+0-9]*#")
"""Where the two parsers differ in what they accept."""
SOUP = st.lists(PIECES, max_size=40).map("".join)
ALPHABET = st.characters(codec="utf-8", exclude_characters="\x85\u2028\u2029\ufeff")
TEXT = st.text(ALPHABET.filter(lambda char: char.isprintable() or char in "\n\t"), max_size=20)
LEAF = (
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats(allow_nan=False) | TEXT
)
TREES = st.recursive(
    LEAF,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
DOCUMENTS = st.dictionaries(TEXT, TREES, min_size=1, max_size=4)
RELAXED = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


class CoreDumper(yaml.SafeDumper):
    """Writes what our reader reads: numbers as the core schema spells them."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _float(dumper: yaml.SafeDumper, value: float) -> yaml.Node:
    text = ".inf" if value == math.inf else "-.inf" if value == -math.inf else repr(value)
    if "." not in text:
        text = text.replace("e", ".0e")  # without the dot it is text for PyYAML
    return dumper.represent_scalar("tag:yaml.org,2002:float", text)


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style='"')


CoreDumper.add_representer(float, _float)
CoreDumper.add_representer(str, _text)


def is_sound(finding: Diagnostic) -> bool:
    """Return whether a finding can be shown: its places lie in its texts."""
    labels = (finding.primary, *finding.related)
    for span in (label.span for label in labels):
        assert 0 <= span.start <= span.end <= len(span.source.text), (finding, span)
        span.source.line_text(span.source.line_column(span.start)[0])
        span.source.line_column(span.end)
    return finding.code in BY_NUMBER and bool(finding.message)


def nodes(node: Node) -> list[Node]:
    if isinstance(node, Scalar):
        return [node]
    if isinstance(node, Mapping):
        return [node, *(n for entry in node for n in [entry.key, *nodes(entry.value)])]
    return [node, *(n for item in node.items for n in nodes(item))]


@given(st.binary(max_size=200))
@RELAXED
def test_any_bytes_end_in_a_report(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "f.yaml"
    path.write_bytes(data)
    node, _, found = read_file(path, "f.yaml", path.parent)
    assert node is not None or found
    assert all(map(is_sound, found))


@given(SOUP | st.text(max_size=60))
@example("\t#")
@settings(max_examples=500, deadline=None)
def test_any_text_ends_in_a_report(text: str) -> None:
    root, found = read_text(Source("f", text))
    assert all(map(is_sound, found))
    for node in nodes(root) if root else []:
        assert 0 <= node.span.start <= node.span.end <= len(text)
        if isinstance(node, Scalar) and isinstance(node.value, str) and not is_placeholder(node):
            pieces, bad = parse(node)
            assert bad is None or is_sound(bad)
            assert pieces or bad or node.value == ""


@given(SOUP.map(lambda text: UNLIKE.sub(" ", text)))
@settings(max_examples=400, deadline=None)
def test_both_parsers_agree(text: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        root, found = read_text(Source("f", text))
        patch.setattr("espnet3_compiler.syntax.read.make_parser", parser.PurePythonParser)
        other, other_found = read_text(Source("f", text))
    codes, other_codes = [[one.code for one in some] for some in (found, other_found)]
    syntax = {"R101", "R103"}
    assert bool(syntax & {*codes}) == bool(syntax & {*other_codes})
    if not syntax & {*codes}:  # their first complaints may differ
        assert codes == other_codes
        assert root == other
        spans, others = (
            [(node.span.start, node.span.end) for node in (nodes(tree) if tree else [])]
            for tree in (root, other)
        )
        assert spans == others


@given(DOCUMENTS, st.sampled_from([None, True, False]), st.integers(2, 6))
@settings(max_examples=150, deadline=None)
def test_what_is_written_is_read(tree: dict, flow: bool | None, indent: int) -> None:
    text = yaml.dump(tree, Dumper=CoreDumper, default_flow_style=flow, indent=indent, width=30)
    root, found = read_text(Source("f", text))
    assert not found
    assert root is not None
    assert to_python(root) == tree


@given(DOCUMENTS, st.sampled_from([None, True, False]), st.sampled_from(["'", "|", ">", '"', None]))
@example({"\n0": []}, None, "|")
@settings(max_examples=150, deadline=None)
def test_source_slices_read_back(tree: dict, flow: bool | None, style: str | None) -> None:
    text = yaml.safe_dump(tree, default_flow_style=flow, allow_unicode=True, default_style=style)
    root, found = read_text(Source("f", text))
    if found:
        return  # tags that SafeDumper writes beside quoted numbers
    for node, column in _with_columns(root) if root else []:
        raw = node.span.text + _break(node)
        alone, path = _alone(node, raw, column)
        again, more = read_text(Source("slice", alone))
        assert not more, (text, raw)
        assert again is not None
        assert node_at(again, path) == node or _is_nan(node), (text, raw)


def _with_columns(node: Node, column: int = 0) -> list[tuple[Node, int]]:
    """Return every node with the column of the collection around it."""
    here = node.span.source.line_column(node.span.start)[1] - 1
    if isinstance(node, Scalar):
        return [(node, column)]
    inner: tuple[Node, ...] = ()
    if isinstance(node, Mapping):
        inner = tuple(part for entry in node for part in (entry.key, entry.value))
    elif isinstance(node, Sequence):
        inner = node.items
    return [(node, column), *(pair for item in inner for pair in _with_columns(item, here))]


def _alone(node: Node, raw: str, column: int) -> tuple[str, tuple[str, ...]]:
    """Return a text that holds nothing but a slice, and where it stands in it.

    The indicator of a block scalar counts from the collection around it: that keeps its column.
    Other slices move by one column, their later lines with them.
    """
    if isinstance(node, Scalar) and node.style in ("literal", "folded"):
        if column == 0:
            return f"k: {raw}", ("k",)
        return f"k:\n{' ' * column}k: {raw}", ("k", "k")
    indent = node.span.source.line_column(node.span.start)[1]
    return f"k:\n{' ' * indent}{_moved(raw)}", ("k",)


def _break(node: Node) -> str:
    """Return the line break that a block scalar takes for granted, unless its header keeps all.

    Of a collection its last value counts.
    """
    while not isinstance(node, Scalar):
        parts = node.items if isinstance(node, Sequence) else [entry.value for entry in node]
        if not parts:
            return ""
        node = parts[-1]
    block = node.style in ("literal", "folded")
    return "\n" if block and "+" not in node.span.text.split("\n")[0] else ""


def _moved(raw: str) -> str:
    """Indent the later lines as much more as the first one was."""
    return raw.replace("\n", "\n ")


def _is_nan(node: Node) -> bool:
    return isinstance(node, Scalar) and isinstance(node.value, float) and math.isnan(node.value)


@given(DOCUMENTS, st.lists(st.booleans(), min_size=40, max_size=40))
@settings(max_examples=100, deadline=None)
def test_comments_and_blank_lines_change_nothing(tree: dict, where: list[bool]) -> None:
    text = yaml.dump(tree, Dumper=CoreDumper, width=10**6)
    lines = text.split("\n")
    noisy = "\n".join(
        f"{line}  # {line}\n\n   # more" if line and where[index % len(where)] else line
        for index, line in enumerate(lines)
    )
    assert read_text(Source("f", text)) == read_text(Source("f", noisy))


@given(DOCUMENTS)
@settings(max_examples=60, deadline=None)
def test_line_breaks_and_marks_change_nothing(tree: dict) -> None:
    text = yaml.dump(tree, Dumper=CoreDumper, width=40)
    root, _ = read_text(Source("f", text))
    assert read_text(Source("f", text.replace("\n", "\r\n")))[0] == root


def test_nodes_are_compared_without_their_places() -> None:
    one, two = Source("a", "x"), Source("b", "yyx")
    assert Scalar("x", Span(one, 0, 1)) == Scalar("x", Span(two, 2, 3))
