"""References in texts: what they are split into, and where the parts stand in the file."""

import pytest
from omegaconf.errors import GrammarParseError
from omegaconf.grammar_parser import parse as omegaconf_parse

from espnet3_compiler.diagnostics.source import Source, Span
from espnet3_compiler.expressions.nodes import Call, JoinedKey, Lookup
from espnet3_compiler.expressions.parser import BadExpressionError
from espnet3_compiler.expressions.template import (
    RuntimeReference,
    has_reference,
    is_unresolved,
    parse,
    parse_literal,
    parse_resolved,
    render_call,
    render_text,
)
from espnet3_compiler.syntax.read import read_text
from espnet3_compiler.syntax.tree import Mapping, Scalar


def scalar(text: str) -> Scalar:
    source = Source("f", text, kind="set")
    return Scalar(text, Span(source, 0, len(text)))


def show(piece: str | Lookup | Call) -> object:
    if isinstance(piece, str):
        return piece
    if isinstance(piece, Lookup):
        names = [key.name if isinstance(key.name, str) else show(key.name) for key in piece.keys]
        return (piece.dots, *names)
    return {piece.name: [[show(part) for part in arg.parts] for arg in piece.arguments]}


def shown(text: str) -> list[object]:
    pieces, finding = parse(scalar(text))
    assert finding is None
    return [show(piece) for piece in pieces]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain $x {y}", ["plain $x {y}"]),
        ("${a.b}", [(0, "a", "b")]),
        ("${ a.b }", [(0, "a", "b")]),
        ("x${a}y${b}", ["x", (0, "a"), "y", (0, "b")]),
        ("${.a}", [(1, "a")]),
        ("${..a.b}", [(2, "a", "b")]),
        ("${a[0].c}", [(0, "a", "0", "c")]),
        ("${a.0}", [(0, "a", "0")]),
        ("${[a][b]}", [(0, "a", "b")]),
        ("${a.${b}}", [(0, "a", (0, "b"))]),
        ("${a[${.b}]}", [(0, "a", (1, "b"))]),
        ("${${a}}", [(0, (0, "a"))]),
        ("${my-key/sub@1}", [(0, "my-key/sub@1")]),
        ("$${a}", ["$", (0, "a")]),
        ("${a}}", [(0, "a"), "}"]),
        ("\\${a}", ["${a}"]),
        ("\\\\${a}", ["\\", (0, "a")]),
        ("\\\\\\${a}", ["\\${a}"]),
        ("a\\b${a}c\\\\", ["a\\b", (0, "a"), "c\\\\"]),
        ("${self_name:}", [{"self_name": []}]),
        ("${oc.env:HOME}", [{"oc.env": [["HOME"]]}]),
        ("${oc.env: A , b c }", [{"oc.env": [["A"], ["b c"]]}]),
        ("${oc.env:A,'x, ${b} \\'q\\''}", [{"oc.env": [["A"], ["x, ", (0, "b"), " 'q'"]]}]),
        ("${oc.env:A,http://h:80/}", [{"oc.env": [["A"], ["http://h:80/"]]}]),
        ("${oc.env:A,}", [{"oc.env": [["A"], []]}]),
        ("${oc.env:A,a\\,b}", [{"oc.env": [["A"], ["a,b"]]}]),
        ("${oc.env:A,${oc.env:B}}", [{"oc.env": [["A"], [{"oc.env": [["B"]]}]]}]),
    ],
)
def test_pieces(text: str, expected: list[object]) -> None:
    assert shown(text) == expected
    omegaconf_parse(text)


@pytest.mark.parametrize(
    ("text", "message", "place"),
    [
        ("${", "is not closed", "${"),
        ("x ${a.b", '"${a.b" is not closed', "${a.b"),
        ("${}", 'cannot be understood: "}" stands where a name is expected', "}"),
        ("${a.}", "a name is expected", "}"),
        ("${a..b}", "a name is expected", "."),
        ("${a b}", '"b" stands where "}" is expected', "b"),
        ("${a_${b}}", 'a nested "${" stands where', "$"),
        ("${a[0}", '"]" is expected', "}"),
        ("${oc.env:A,[1]}", "quotes around the argument", "["),
        ("${oc.env:A,'x}", "is not closed", "${oc.env:A,'x}"),
        ("${" * 17 + "a" + "}" * 17, "nested too deeply", "${"),
    ],
)
def test_mistakes(text: str, message: str, place: str) -> None:
    pieces, finding = parse(scalar(text))
    assert pieces == ()
    assert finding is not None
    assert finding.code == "R304"
    assert message in finding.message
    assert finding.primary.span.text == place
    if "[" not in text and "${${" not in text:
        with pytest.raises(GrammarParseError):
            omegaconf_parse(text)


def test_a_missing_brace_is_mended() -> None:
    finding = parse(scalar("${a.b"))[1]
    assert finding is not None
    assert finding.fix is not None
    (edit,) = finding.fix.edits
    assert (edit.span.start, edit.span.end, edit.text) == (5, 5, "}")
    assert finding.fix.certain


@pytest.mark.parametrize(
    "yaml",
    [
        "k: a ${x.yy} b",
        "k: 'it''s ${x.yy} b'",
        'k: "\\t\\u0041\\"${x.yy}\\" b"',
        'k: "a\\\n  b ${x.yy}"',
        "k: |\n  line\n\n  two ${x.yy}\n  end\n",
        "k: >-\n    folded\n    text\n\n      more\n    ${x.yy}\n",
        "k: plain\n  over lines\n\n  ${x.yy} z",
        'k: "quoted\n  over lines\n\n  ${x.yy} z"',
        "k: |2-  # comment\n    ${x.yy}",
        "\U0001f600: \U0001f600 '${x.yy}",
    ],
)
def test_places_in_the_raw_text(yaml: str) -> None:
    root, found = read_text(Source("f", yaml))
    assert not found
    assert isinstance(root, Mapping)
    value = root.entries[0].value
    assert isinstance(value, Scalar)
    pieces, _ = parse(value)
    (lookup,) = (piece for piece in pieces if isinstance(piece, Lookup))
    assert lookup.span.text == "${x.yy}"
    assert lookup.span.start == yaml.index("${x.yy}")
    assert [key.span.text for key in lookup.keys] == ["x", "yy"]


def test_escaped_characters_inside_a_reference() -> None:
    root, _ = read_text(Source("f", 'k: "${\\u0061.b}"'))
    assert isinstance(root, Mapping)
    value = root.entries[0].value
    assert isinstance(value, Scalar)
    (lookup,), _ = parse(value)
    assert isinstance(lookup, Lookup)
    assert lookup.span.text == "${\\u0061.b}"
    assert lookup.keys[0].span.text == "\\u0061"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("${a}", True),
        ("\\${a}", False),
        ("\\\\${a}", True),
        ("\\${a} ${b}", True),
        ("${a} \\${b}", True),
        ("\\${a} \\${b}", False),
        ("$a", False),
        (3, False),
        (None, False),
    ],
)
def test_has_reference(value: object, expected: bool) -> None:
    assert has_reference(value) is expected


LATE = RuntimeReference("${oc.env:A}", Span(Source("f", ""), 0, 0))


def test_a_text_that_waits_is_unresolved() -> None:
    span = Span(Source("f", "x"), 0, 1)
    assert is_unresolved(Scalar("${a}", span))
    assert not is_unresolved(Scalar("\\${a}", span))
    assert not is_unresolved(Mapping((), span))


def test_resolved_texts_may_be_nested_deeper() -> None:
    assert parse_resolved("${" * 80 + "a" + "}" * 80)
    with pytest.raises(BadExpressionError, match="references are nested too deeply"):
        parse_resolved("${" * 81 + "a" + "}" * 81)
    text, lookup = parse_resolved("x ${a.b}")
    assert text == "x "
    assert isinstance(lookup, Lookup)
    assert (lookup.span.start, lookup.span.end, lookup.span.text) == (2, 8, "${a.b}")


def test_parts_of_a_key_and_their_places() -> None:
    text = "x ${stages.tune_${matrix.round}_${ matrix.b}.out[2]} ${a.$}"
    (_, lookup, _, other), _ = parse(scalar(text))
    assert isinstance(lookup, Lookup)
    assert isinstance(other, Lookup)
    assert [key.span.text for key in lookup.keys] == [
        "stages", "tune_${matrix.round}_${ matrix.b}", "out", "2",
    ]  # fmt: skip
    joined = lookup.keys[1].name
    assert isinstance(joined, JoinedKey)
    assert [part if isinstance(part, str) else part.span.text for part in joined.parts] == [
        "tune_", "${matrix.round}", "_", "${ matrix.b}",
    ]  # fmt: skip
    assert [key.name for key in other.keys] == ["a", "$"]
    assert (lookup.dots, other.dots) == (0, 0)


def test_arguments_and_their_places() -> None:
    text = "${ oc.env : A b , 'x,${y}' ,\"z\", ${q} w\\,v\\n ,}"
    (call,), finding = parse(scalar(text))
    assert finding is None
    assert isinstance(call, Call)
    assert (call.name, call.name_span.text, call.span.text) == ("oc.env", "oc.env", text)
    assert [(each.span.text, each.quoted) for each in call.arguments] == [
        ("A b ", False), ("'x,${y}'", True), ('"z"', True), ("${q} w\\,v\\n ", False), ("}", False),
    ]  # fmt: skip
    assert [[show(part) for part in each.parts] for each in call.arguments] == [
        ["A b"], ["x,", (0, "y")], ["z"], [(0, "q"), " w,v\\n"], [],
    ]  # fmt: skip


def test_an_argument_that_is_empty_has_the_place_behind_it() -> None:
    (call, _), _ = parse(scalar("${a:,} x"))
    assert isinstance(call, Call)
    assert [each.span.text for each in call.arguments] == [",", "}"]


@pytest.mark.parametrize(
    ("pieces", "text"),
    [
        ((), ""),
        (("a", "b"), "ab"),
        (("", LATE, ""), "${oc.env:A}"),
        (("a\\", LATE), "a\\\\${oc.env:A}"),
        (("a\\",), "a\\"),
        (("\\${x}",), "\\\\\\${x}"),
        ((LATE, "\\", LATE), "${oc.env:A}\\\\${oc.env:A}"),
    ],
)
def test_rendered_texts(pieces: tuple[str | RuntimeReference, ...], text: str) -> None:
    assert render_text(pieces) == text


def test_rendered_calls_have_every_argument() -> None:
    assert render_call("r", []) == "${r:}"
    assert render_call("r", [("a",), None, ("b c",), (LATE, "")]) == "${r:a,null,'b c',${oc.env:A}}"


@pytest.mark.parametrize(
    "pieces",
    [
        ("a",),
        (LATE,),
        ("a", LATE, "b"),
        ("a\\", LATE),
        ("a$", LATE),
        ("${x}", LATE),
        ("\\${x}\\", LATE, "\\"),
        ("a$", "{b}", LATE),
        ("\\\\",),
    ],
)
def test_rendered_pieces_read_back(pieces: tuple[str | RuntimeReference, ...]) -> None:
    text = render_text(pieces)
    back, finding = parse(scalar(text))
    assert finding is None
    flat = "".join(piece if isinstance(piece, str) else "<>" for piece in back)
    assert flat == "".join(piece if isinstance(piece, str) else "<>" for piece in pieces)
    omegaconf_parse(text)


@pytest.mark.parametrize(
    ("argument", "text"),
    [
        (("a/b.c",), "${r:a/b.c}"),
        (("a b",), "${r:'a b'}"),
        (("null",), "${r:'null'}"),
        (("1",), "${r:'1'}"),
        (("",), "${r:''}"),
        (("it's",), "${r:'it\\'s'}"),
        (("a\\",), "${r:'a\\\\'}"),
        ((LATE,), "${r:${oc.env:A}}"),
        (("x\\", LATE), "${r:'x\\\\${oc.env:A}'}"),
        (("a${b}",), "${r:'a\\${b}'}"),
        (None, "${r:null}"),
    ],
)
def test_rendered_arguments_read_back(
    argument: tuple[str | RuntimeReference, ...] | None, text: str
) -> None:
    assert render_call("r", [argument]) == text
    (call,), finding = parse(scalar(text))
    assert finding is None
    assert isinstance(call, Call)
    flat = "".join(p if isinstance(p, str) else "<>" for p in call.arguments[0].parts)
    expected = ("null",) if argument is None else argument
    assert flat == "".join(p if isinstance(p, str) else "<>" for p in expected)
    omegaconf_parse(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("-2", -2),
        ("1e-3", 1e-3),
        ("True", True),
        ("NULL", None),
        ("01", "01"),
        ("x", "x"),
        ("0", 0),
        ("+1_000", 1000),
        ("1.", 1.0),
        (".5", 0.5),
        ("-1.5E+3", -1500.0),
        ("1e", "1e"),
        ("INF", float("inf")),
        ("false", False),
        ("nul", "nul"),
        ("", ""),
        ("9" * 1000, 10**1000 - 1),
        ("9" * 1001, "9" * 1001),
    ],
)
def test_typed(text: str, value: object) -> None:
    assert parse_literal(text) == value
    assert type(parse_literal(text)) is type(value)
