"""Whole findings about references: the text, the marks, the advice and the fix."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.diagnostics.source import Source, Span
from espnet3_compiler.expressions import messages
from espnet3_compiler.expressions.nodes import Call, Key, Lookup
from espnet3_compiler.expressions.template import parse
from espnet3_compiler.output.human import render_one
from espnet3_compiler.syntax.read import read_text
from espnet3_compiler.syntax.tree import Mapping, Node, Scalar

EXPECTED = Path(__file__).parent / "whole"
MISTAKES = [
    "${",
    "x ${a.b",
    "${a.b c",
    "${a ${b.c",
    "${oc.env:A",
    "${}",
    "${ }",
    "${a.}",
    "${a..b}",
    "${a[]}",
    "${a[0}",
    "${a[0]b}",
    "${a b}",
    "${a\tb}",
    "x ${a_${b}} y",
    "${a.${b}c}",
    "${a:b:c(d)}",
    "${oc.env:A,[1]}",
    "${oc.env:A,{b: 1}}",
    "${oc.env:A,b'c'}",
    "${oc.env:A,'x'y}",
    "${oc.env:A,'x}",
    "${oc.env:'A',\"b}",
    "${{ a.b }}",
    "x ${{a}} y",
    "${a{b}",
    "x " + "${" * 17 + "a" + "}" * 17,
]


def scalar(text: str) -> Scalar:
    return Scalar(text, Span(Source("--set", text, "set"), 0, len(text)))


def whole(finding: Diagnostic | None) -> str:
    if finding is None:
        return "nothing"
    text = render_one(finding, columns=200)
    if finding.fix:
        edits = [(e.span.start, e.span.end, e.text) for e in finding.fix.edits]
        text += f"\nfix: {finding.fix.title}, certain: {finding.fix.certain}, {edits}"
    return text


def of_parser() -> str:
    return "".join(f"{whole(parse(scalar(text))[1])}\n\n" for text in MISTAKES)


TREE = """\
row: {round: 1, size: 2}
loose: {"${x}": 1}
list:
  - 1
  - 2
"""


def node(*path: str) -> Node:
    root, _ = read_text(Source("a.yaml", TREE))
    found: Node | None = root
    for name in path:
        assert isinstance(found, Mapping)
        found = found.get(name)
    assert found is not None
    return found


def lookup(text: str) -> Lookup:
    (piece,) = parse(scalar(text))[0]
    assert isinstance(piece, Lookup)
    return piece


def call(text: str) -> Call:
    (piece,) = parse(scalar(text))[0]
    assert isinstance(piece, Call)
    return piece


def row(text: str, name: str = "row") -> Diagnostic | None:
    found, mapping = lookup(text), node(name)
    assert isinstance(mapping, Mapping)
    return messages.not_in_row(found.span, found.keys[1:], mapping)


def circle(*texts: str) -> Diagnostic:
    spans = [(text, Span(Source(*text.split(":"), kind="file"), 0, 1)) for text in texts]
    return messages.reference_cycle(spans)


def of_resolution() -> Iterator[Diagnostic | None]:
    found = lookup("${configs.trian.x}")
    place = found.span
    known = ["train", "", "valid"]
    yield messages.unknown_key(place, found.keys[1], 'there is no config "trian"', known)
    given = Key("trian", lookup("${configs.${x}}").keys[1].span)
    yield messages.unknown_key(place, given, 'there is no config "trian"', known)
    yield messages.unknown_key(place, found.keys[1], "there are none", [])
    yield messages.above_root(place)
    yield messages.incomplete_path(place, "matrix.NAME", "${matrix.round}")
    yield messages.no_matrix(place)
    for text in ("${matrix}", "${matrix.round.x}", "${matrix.round}", "${matrix.siez}"):
        yield row(text)
    yield row("${matrix.siez}", "loose")
    yield circle("a:1")
    yield circle("b:2", "a:1", "c:3")
    for text in (
        "${oc.evn:HOME}",
        "${get:a.b}",
        "${get:}",
        "${get:a b}",
        "${env:HOME}",
        "${env:}",
        "${load_lines:x.txt}",
        "${now:%Y}",
    ):
        yield messages.unknown_resolver(call(text))
    yield messages.environment_variable(place, "HOME")
    yield messages.wrong_arguments(call("${load_line:}"), "${load_line:FILE}")
    for name in ("row", "list"):
        yield messages.not_text(place, node(name))
    yield messages.known_at_runtime(place, "it names a file")
    yield messages.known_at_runtime(place, "it names a file", "do this")
    yield messages.too_large(place, "expand to more than 3 values")


def test_every_mistake_of_the_grammar() -> None:
    assert (EXPECTED / "grammar.txt").read_text() == of_parser()


def test_every_finding_about_what_is_named() -> None:
    text = "".join(f"{whole(finding)}\n\n" for finding in of_resolution())
    assert (EXPECTED / "names.txt").read_text() == text


def test_a_circle_begins_at_its_first_place() -> None:
    source = Source("a.yaml", "abc")
    members = [(source.text[i], Span(source, i, i + 1)) for i in (1, 2, 0)]
    other = [("z", replace(members[0][1], source=Source("b.yaml", "abc"), start=0, end=1))]
    for ring in (members, members[1:] + members[:1], [*members[2:], *members[:2]]):
        finding = messages.reference_cycle([*ring, *other] if ring is members else ring)
        assert finding.primary.span == members[2][1]
        assert finding.message.startswith("references lead in a circle: a -> ")


@pytest.mark.parametrize("depth", [16, 17])
def test_sixteen_levels_are_enough(depth: int) -> None:
    pieces, finding = parse(scalar("${" * depth + "a" + "}" * depth))
    assert (finding is None) is (depth == 16)
    assert len(pieces) == (depth == 16)
    _, beside = parse(scalar("${a.${b}}" * 20))
    assert beside is None
