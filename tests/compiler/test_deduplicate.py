"""Which findings are left out because another one explains them, and which only look so."""

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from espnet3_compiler.deduplicate import without_consequences
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Edit, Fix, Label
from espnet3_compiler.diagnostics.source import Source, Span
from espnet3_compiler.merge_findings import merge_unknown_names
from espnet3_compiler.pipeline import compile_manifest
from espnet3_compiler.result import CompileResult, sort_findings
from tests.compiler.recipe_kit import minimal

TEXT = """\
tagged: !x missing
block:
  key: value
  first: 1
outer: {inner: [one, two]}
models:
  net: {_target_: a.Net, size: 4}
'quoted': "text ${a.b} more"
last: thing
"""
SOURCE = Source("a.yaml", TEXT)
COPY = Source("b.yaml", TEXT)


def span(text: str, source: Source = SOURCE) -> Span:
    start = source.text.index(text)
    return Span(source, start, start + len(text))


def found(code: str, text: str, message: str = "m", **more: Any) -> Diagnostic:
    """Return a finding at a text; ``write`` is the text of its fix, ``at`` the related texts."""
    related = tuple(
        Label(span(each), more.get("label", "written here")) for each in more.get("at", ())
    )
    place = span(text, more.get("source", SOURCE))
    fix = None
    if "write" in more:
        fix = Fix("mend", (Edit(place, more["write"]),), certain=more.get("certain", False))
    return Diagnostic(
        code, message, Label(place), related, help=tuple(more.get("help", ())), fix=fix
    )


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> CompileResult:
    return compile_manifest(minimal(tmp_path_factory.mktemp("recipe")))


def kept(outcome: CompileResult, *findings: Diagnostic, **changes: Any) -> list[str]:
    """Return the codes and texts that are left, in the order of the report."""
    assert outcome.recipe is not None
    assert outcome.resolved is not None
    recipe = replace(outcome.recipe, complete=changes.get("complete", True))
    resolved = replace(outcome.resolved, invalid=frozenset(changes.get("invalid", ())))
    for order in (findings, tuple(reversed(findings))):
        left = without_consequences(order, recipe, resolved)
        shown = [f"{f.code} {f.primary.span.text}" for f in sort_findings(left, "a.yaml")]
        if order is findings:
            first = shown
    assert shown == first, "it depends on the order"
    return shown


CAUSES = [
    # a tag may have been meant to be a value that is missing on its line
    (("R103", "!x"), ("R603", "tagged")),
    (("R103", "!x"), ("R504", "missing")),
    (("R407", "value"), ("R818", "value")),
    (("R201", "one", {"message": 'called "a"'}), ("R812", "two", {"message": 'sets "b" and "a"'})),
    # a value that is wrong where it is written is wrong wherever it is fetched
    (("R105", "value"), ("R602", "value")),
    (("R105", "value"), ("R503", "value")),
    (("R301", "value"), ("R402", "value")),
    (("R304", "value"), ("R701", "value")),
    (("R602", "value"), ("R504", "one", {"at": ["value"]})),
    (("R604", "value"), ("R604", "one", {"at": ["value"]})),
    (("R504", "value"), ("R504", "one", {"at": ["value"]})),
    (("R504", "value"), ("R602", "one", {"at": ["value"]})),
    (("R504", "value"), ("R603", "one", {"at": ["value"]})),
    # what is missing in a value of a wrong type
    (("R602", "{inner: [one, two]}"), ("R503", "inner")),
    (("R602", "block"), ("R106", "key")),
    (("R602", "{inner: [one, two]}"), ("R106", "one")),
    (("R601", "last"), ("R602", "thing")),
    (("R602", "value"), ("R603", "key")),
    # a name that another mistake is the reason of
    (("R301", "one"), ("R606", "{inner: [one, two]}")),
    (("R404", "one"), ("R402", "two", {"at": ["{inner: [one, two]}"]})),
    (("R404", "one"), ("R403", "[one, two]")),
    (("R434", "one"), ("R402", "two", {"at": ["{inner: [one, two]}"]})),
    (("R434", "one"), ("R818", "two")),
    (("R502", "key"), ("R402", "one", {"at": ["value"], "label": "needed here"})),
    (("R601", "key"), ("R402", "one", {"at": ["value"], "label": "needed here"})),
    (("R432", "one", {"help": ('write "last"',)}), ("R207", "last")),
    (("R602", "value"), ("R211", "value")),
    (("R210", "[one, two]"), ("R604", "one")),
    (("R706", "one"), ("R602", "[one, two]")),
    (("R707", "[one, two]"), ("R405", "one")),
    (("R601", "outer", {"write": "other"}), ("R504", "outer")),
    (("R205", "one"), ("R207", "last")),
    (("R205", "one"), ("R804", "last")),
    (("R422", "value"), ("R431", "last", {"message": 'needs "value"'})),
    (("R422", "value"), ("R431", "last", {"message": 'needs "x" and "value_lengths"'})),
]


@pytest.mark.parametrize("pair", CAUSES)
def test_a_consequence_is_left_out(outcome: CompileResult, pair: Any) -> None:
    cause, other = pair
    first, second = make(cause), make(other)
    assert kept(outcome, first, second) == [f"{first.code} {first.primary.span.text}"]
    assert kept(outcome, second) == [f"{second.code} {second.primary.span.text}"]


def make(entry: Any) -> Diagnostic:
    code, text, *more = entry
    options = dict(more[0]) if more else {}
    return found(code, text, options.pop("message", "m"), **options)


INDEPENDENT = [
    (("R103", "!x"), ("R603", "block")),
    (("R103", "!x"), ("R602", "tagged")),
    (("R201", "value"), ("R602", "value")),
    (("R105", "value"), ("R201", "value")),
    (("R105", "value"), ("R105", "one", {"at": ["value"]})),
    (("R201", "value"), ("R503", "value")),
    (("R301", "value"), ("R602", "one", {"at": ["key"]})),
    (("R301", "value", {"write": "x", "certain": True}), ("R402", "value")),
    (("R602", "value"), ("R604", "one", {"at": ["value"]})),
    (("R604", "value"), ("R604", "one", {"at": ["key"]})),
    (("R504", "value"), ("R605", "one", {"at": ["value"]})),
    (("R602", "[one, two]"), ("R503", "outer")),
    (("R602", "{inner: [one, two]}"), ("R502", "inner")),
    (("R602", "outer"), ("R106", "key")),
    (("R602", "block"), ("R105", "key")),
    (("R601", "last"), ("R605", "thing")),
    (("R601", "block"), ("R602", "key: value\n  first: 1")),
    (("R601", "block"), ("R604", "key: value\n  first: 1")),
    (("R602", "value"), ("R603", "first")),
    (("R606", "one"), ("R301", "[one, two]")),
    (("R404", "one"), ("R402", "two", {"at": ["key"]})),
    (("R404", "one"), ("R405", "[one, two]")),
    (("R434", "one"), ("R402", "two", {"at": ["key"]})),
    (("R434", "one"), ("R403", "[one, two]")),
    (("R601", "key", {"write": "kye"}), ("R402", "one", {"at": ["value"], "label": "x here"})),
    (("R502", "key"), ("R402", "one", {"at": ["value"], "label": "needed there"})),
    (("R502", "key"), ("R402", "one", {"at": ["value", "two"], "label": "needed here"})),
    (("R432", "one", {"help": ('write "first"',)}), ("R207", "last")),
    (("R210", "one"), ("R604", "two")),
    (("R210", "[one, two]"), ("R706", "one")),
    (("R210", "[one, two]"), ("R201", "one")),
    (("R601", "outer", {"write": "other"}), ("R504", "inner")),
    (("R205", "one", {"write": "two"}), ("R207", "last")),
    (("R205", "one"), ("R424", "last")),
    (("R422", "value"), ("R431", "last", {"message": 'needs "key"'})),
    (("R422", "value"), ("R432", "last", {"message": 'needs "value"'})),
]


@pytest.mark.parametrize("pair", INDEPENDENT)
def test_what_only_looks_like_a_consequence_stays(outcome: CompileResult, pair: Any) -> None:
    findings = [make(entry) for entry in pair]
    expected = [f"{f.code} {f.primary.span.text}" for f in sort_findings(findings, "a.yaml")]
    assert kept(outcome, *findings) == expected


def test_stages_that_are_not_declared_would_use_what_is_left_over(outcome: CompileResult) -> None:
    stage = Source("c.yaml", "collect_stats train")
    collect = found("R205", "collect_stats", source=stage)
    assert kept(outcome, collect, found("R424", "last")) == ["R205 collect_stats"]
    other = found("R205", "train", source=stage)
    assert kept(outcome, other, found("R424", "last")) == ["R424 last", "R205 train"]


def test_a_place_of_another_file_is_another_place(outcome: CompileResult) -> None:
    for cause, other in (
        (("R602", "value"), ("R503", "value")),
        (("R602", "{inner: [one, two]}"), ("R503", "inner")),
        (("R602", "block"), ("R106", "key")),
        (("R103", "!x"), ("R603", "tagged")),
        (("R210", "[one, two]"), ("R604", "one")),
    ):
        far = replace(make(other), primary=Label(span(other[1], COPY)))
        assert len(kept(outcome, make(cause), far)) == 2


def test_a_module_that_hides_another_has_not_its_names(outcome: CompileResult) -> None:
    hides = found("R209", "one", '"src/torch.py" hides the module "torch"')
    for code in ("R202", "R501", "R508"):
        for message, left in (
            ('"torch.nn" is not there', False),
            ('"torch" is not there', False),
            ('"torchaudio" is not there', True),
            ('no "torch"', True),
        ):
            assert (len(kept(outcome, hides, found(code, "last", message))) == 2) is left
    for message, left in (
        ("the bundles lack torch.py, which is needed", False),
        ("the bundles lack nn.py, which is needed", True),
    ):
        assert (len(kept(outcome, hides, found("R420", "last", message))) == 2) is left
    assert len(kept(outcome, hides, found("R503", "last", '"torch" x'))) == 2


@pytest.mark.parametrize(
    ("message", "changes", "left"),
    [
        ('"${configs.a.b}" names nothing', {}, True),
        ('"${configs.a.b}" names nothing', {"invalid": ["a"]}, False),
        ('"${configs.a.b}" names nothing', {"invalid": ["b"]}, True),
        ('"${models.a.b}" names nothing', {"invalid": ["a"]}, True),
        ('"${models.a.b}" names nothing', {"complete": False}, False),
        ('"${matrix.b}" names nothing', {"complete": False}, True),
    ],
)
def test_a_reference_into_what_could_not_be_read(
    outcome: CompileResult, message: str, changes: dict[str, Any], left: bool
) -> None:
    assert bool(kept(outcome, found("R301", "last", message), **changes)) is left
    fixed = found("R301", "last", message, write="first")
    assert kept(outcome, fixed, **changes) == ["R301 last"]


@pytest.mark.parametrize(("code", "left"), [("R601", 1), ("R502", 1), ("R503", 2), ("R602", 2)])
def test_a_reference_by_the_right_name_of_a_misspelt_key(
    outcome: CompileResult, code: str, left: int
) -> None:
    """It names "last", which is written "first" where it is declared."""
    declared = found(code, "first", write="last")
    named = found("R301", "last", write="first")
    assert len(kept(outcome, declared, named)) == left
    assert len(kept(outcome, declared, found("R301", "last", write="one"))) == 2


def test_a_reference_to_an_argument_that_a_model_lacks(tmp_path: Path) -> None:
    outcome = compile_manifest(minimal(tmp_path))
    assert outcome.recipe is not None
    (model,) = outcome.recipe.models
    target = outcome.recipe.name.span.source.text.index("torch.nn.Linear")
    place = Span(model.node.span.source, target, target + 5)
    absent = Diagnostic("R503", 'torch.nn.Linear needs "one" and "two"', Label(place))
    for text, message, count in (
        ("one", '"${models.net.one}" names nothing', 1),
        ("two", '"${models.net.two}" names nothing', 1),
        ("last", '"${models.net.last}" names nothing', 2),
        ("one", '"${models.other.one}" names nothing', 2),
        ("one", '"${configs.net.one}" names nothing', 2),
    ):
        assert len(kept(outcome, absent, found("R301", text, message))) == count
    elsewhere = replace(absent, primary=Label(outcome.recipe.name.span))
    named = found("R301", "one", '"${models.net.one}" names nothing')
    assert len(kept(outcome, elsewhere, named)) == 2


def labels(finding: Diagnostic) -> list[tuple[str, str]]:
    return [(label.span.text, label.text) for label in (finding.primary, *finding.related)]


@pytest.mark.parametrize(
    ("code", "message", "merged"),
    [
        ("R203", "m", True),
        ("R204", "m", True),
        ("R205", "m", True),
        ("R306", "m", True),
        ("R502", "same", True),
        ("R501", "there is no package x", True),
        ("R501", "there is no module x", False),
        ("R301", "the list of models has no x", True),
        ("R301", "the list of configs has no x", True),
        ("R301", "the list of stages has no x", False),
        ("R601", "same", False),
    ],
)
def test_a_name_that_nothing_has_is_one_finding(code: str, message: str, merged: bool) -> None:
    again = Source("d.yaml", "value and value")
    places = [span("value"), span("value", again), Span(again, 10, 15), span("value", again)]
    last = found("R602", "last")
    findings = [last, *(Diagnostic(code, message, Label(place)) for place in places)]
    left = merge_unknown_names(findings)
    if not merged:
        assert left == tuple(findings)
        return
    first, other = left
    assert other is last
    assert labels(first) == [
        ("value", ""),
        ("value", "named here too"),
        ("value", "named here too"),
    ]
    assert [label.span for label in first.related] == places[1:3]


def test_names_of_different_kinds_or_texts_are_different() -> None:
    findings = (found("R203", "one"), found("R204", "one"), found("R203", "two"))
    assert merge_unknown_names(findings) == findings
    same = (found("R502", "one", "a"), found("R502", "one", "b"))
    assert merge_unknown_names(same) == same
    configs = (found("R204", "one"), found("R306", "one"))
    assert len(merge_unknown_names(configs)) == 1


def test_two_files_in_each_others_place_are_one_finding(outcome: CompileResult) -> None:
    assert outcome.recipe is not None
    assert outcome.resolved is not None
    one = found("R406", "one", write="two", certain=True, help=["x"])
    two = found("R406", "two", write="one")
    (both,) = without_consequences([one, two], outcome.recipe, outcome.resolved)
    assert labels(both) == [("one", ""), ("two", "and this in its place")]
    assert both.help == ("exchange the two",)
    assert both.fix is not None
    assert [(edit.span.text, edit.text) for edit in both.fix.edits] == [
        ("one", "two"),
        ("two", "one"),
    ]
    for others in (
        [one, found("R406", "two", write="first")],
        [one, found("R405", "two", write="one")],
        [found("R405", "one", write="two"), two],
        [one, found("R406", "two")],
        [found("R406", "one"), found("R406", "two")],
    ):
        assert without_consequences(others, outcome.recipe, outcome.resolved) == tuple(others)
