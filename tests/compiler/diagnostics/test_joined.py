"""One finding for two that are the same mistake."""

from msgspec.structs import replace

from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Edit, Fix, Label
from espnet3_compiler.diagnostics.source import Source, Span

SOURCE = Source("a.yaml", "one two\n")


def finding(start: int, end: int, *, certain: bool | None = None) -> Diagnostic:
    """Return a finding about a part of the source, with a fix where it is said to be certain."""
    span = Span(SOURCE, start, end)
    fix = None if certain is None else Fix("t", (Edit(span, "x"),), certain)
    return Diagnostic("R601", "m", Label(span, "here"), fix=fix)


def test_fixes_of_joined_findings() -> None:
    sure, unsure, none = finding(0, 3, certain=True), finding(4, 7, certain=False), finding(4, 7)
    joined = sure.joined_with(none, "and here")
    assert joined == replace(sure, related=(Label(none.primary.span, "and here"),))
    assert none.joined_with(sure).fix is None
    both = sure.joined_with(unsure).fix
    assert both is not None
    assert [edit.span.text for edit in both.edits] == ["one", "two"]
    assert (both.certain, both.title) == (False, "t")
