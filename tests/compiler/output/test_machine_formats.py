"""What programs read: JSON, GitHub annotations and SARIF, which agree on the findings."""

import json
import re
from urllib.parse import unquote

import jsonschema
import pytest
from msgspec.structs import replace

from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Edit, Fix, Label
from espnet3_compiler.diagnostics.source import Source, Span
from espnet3_compiler.output import as_json, github, human, sarif
from espnet3_schemas import load
from tests.compiler.output_kit import ALL, FROM_SET, NOT_CHECKED, OTHER, SET, SUMMARY, span


@pytest.mark.parametrize("findings", [(), ALL])
def test_json_fits_its_schema(findings):
    report = json.loads(as_json.render(findings, SUMMARY))
    jsonschema.Draft202012Validator(load("report")).validate(report)


def test_json_says_everything():
    report = json.loads(as_json.render(ALL, SUMMARY))
    assert report["version"] == 1
    assert report["summary"] == {
        "manifests": ["recipes/mini/recipe.yaml"],
        "errors": 3,
        "warnings": 1,
        "targets": 12,
        "unchecked": 3,
        "seconds": 0.123,
    }
    assert report["findings"][1] == {
        "code": "R605",
        "name": "out-of-range",
        "severity": "error",
        "message": '"seed" must be at least 0, not -1',
        "primary": {
            "place": {
                "source": "recipes/mini/conf/training, 100%.yaml",
                "kind": "file",
                "start": {"line": 1, "column": 7, "offset": 6},
                "end": {"line": 1, "column": 9, "offset": 8},
            },
            "text": "at least 0",
        },
        "related": [
            {
                "place": {
                    "source": "recipes/mini/recipe.yaml",
                    "kind": "file",
                    "start": {"line": 2, "column": 1, "offset": 11},
                    "end": {"line": 2, "column": 7, "offset": 17},
                },
                "text": "inherited here",
            }
        ],
        "help": [],
        "notes": ["a fact"],
        "fix": {
            "title": "write 0",
            "certain": True,
            "edits": [
                {
                    "place": {
                        "source": "recipes/mini/conf/training, 100%.yaml",
                        "kind": "file",
                        "start": {"line": 1, "column": 7, "offset": 6},
                        "end": {"line": 1, "column": 9, "offset": 8},
                    },
                    "text": "0",
                }
            ],
        },
    }


def test_github_annotations():
    first, second, third, fourth = github.render(ALL, SUMMARY).splitlines()
    assert first == (
        "::error file=recipes/mini/recipe.yaml,line=4,endLine=4,col=11,endColumn=16,"
        'title=R201 duplicate-name::two stages are called "train"%0A'
        'give the second stage its own name, for example "train_lm"'
    )
    assert second.startswith("::error file=recipes/mini/conf/training%2C 100%25.yaml,line=1,")
    assert third == "::error title=R605 out-of-range::too small (--set)"
    assert fourth.startswith("::warning file=recipes/mini/recipe.yaml,line=2,")


def test_github_takes_columns_within_a_line_only():
    source = Source("a.yaml", "a:\n  b: 1\n")
    finding = Diagnostic("R602", "50% of it", Label(Span(source, 0, 9)))
    assert github.render([finding], SUMMARY) == (
        "::error file=a.yaml,line=1,endLine=2,title=R602 wrong-type::50%25 of it\n"
    )


def test_github_says_nothing_of_nothing():
    assert github.render([], SUMMARY) == ""


@pytest.mark.parametrize("findings", [(), ALL])
def test_sarif_fits_the_standard(findings):
    """The models of pydantic-sarif are generated from the schema that OASIS publishes."""
    model = pytest.importorskip("pydantic_sarif.model")
    log = json.loads(sarif.render(findings, SUMMARY))
    model.StaticAnalysisResultsFormatSarifVersion210JsonSchema.model_validate(log)
    log["runs"][0]["results"].append({"mesage": {}})
    with pytest.raises(ValueError, match="mesage"):
        model.StaticAnalysisResultsFormatSarifVersion210JsonSchema.model_validate(log)


def test_sarif_places_and_fixes():
    (run,) = json.loads(sarif.render(ALL, SUMMARY))["runs"]
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["R201", "R207", "R605"]
    assert [result["ruleId"] for result in run["results"]] == ["R201", "R605", "R605", "R207"]
    for result in run["results"]:
        rule = run["tool"]["driver"]["rules"][result["ruleIndex"]]
        assert rule["id"] == result["ruleId"]
    second, third = run["results"][1:3]
    (place,) = second["locations"]
    uri = place["physicalLocation"]["artifactLocation"]["uri"]
    assert uri == "recipes/mini/conf/training%2C%20100%25.yaml"
    assert place["physicalLocation"]["region"] == {
        "startLine": 1,
        "startColumn": 7,
        "endLine": 1,
        "endColumn": 9,
    }
    (change,) = second["fixes"][0]["artifactChanges"]
    assert change["replacements"][0]["insertedContent"] == {"text": "0"}
    assert third["locations"] == [{"logicalLocations": [{"fullyQualifiedName": "--set"}]}]
    assert run["columnKind"] == "unicodeCodePoints"


def test_sarif_has_no_fix_that_changes_more_than_files():
    both = Fix("write 0", (Edit(span(OTHER, "-1"), "0"), Edit(span(SET, "-1"), "0")))
    (run,) = json.loads(sarif.render([replace(ALL[1], fix=both)], SUMMARY))["runs"]
    assert "fixes" not in run["results"][0]


def test_formats_agree():
    expected = [
        (finding.code, *finding.primary.span.source.line_column(finding.primary.span.start))
        for finding in ALL
        if finding is not FROM_SET
    ]
    text = human.render(ALL, SUMMARY)
    codes = re.findall(r"^(?:error|warning)\[(R\d+)", text, re.MULTILINE)
    places = re.findall(r"^ *--> (?:--set .*|.*:(\d+):(\d+))$", text, re.MULTILINE)
    seen = [
        (code, int(line), int(column))
        for code, (line, column) in zip(codes, places, strict=True)
        if line
    ]
    assert seen == expected
    (run,) = json.loads(sarif.render(ALL, SUMMARY))["runs"]
    regions = [
        (result["ruleId"], place["physicalLocation"]["region"])
        for result in run["results"]
        for place in result["locations"]
        if "physicalLocation" in place
    ]
    assert [(code, r["startLine"], r["startColumn"]) for code, r in regions] == expected
    report = json.loads(as_json.render(ALL, SUMMARY))
    starts = [(finding["code"], finding["primary"]["place"]) for finding in report["findings"]]
    assert [
        (code, place["start"]["line"], place["start"]["column"])
        for code, place in starts
        if place["kind"] == "file"
    ] == expected
    notes = re.findall(r"line=(\d+),endLine=\d+,col=(\d+),", github.render(ALL, SUMMARY))
    assert [(int(line), int(column)) for line, column in notes] == [e[1:] for e in expected]


def test_every_format_is_the_same_each_time():
    for module in (as_json, github, sarif, human):
        assert module.render(ALL, SUMMARY) == module.render(ALL, SUMMARY)


def test_names_survive_in_uris():
    finding = Diagnostic("R602", "m", Label(Span(Source("a b/ü#?.yaml", "x"), 0, 1)))
    (run,) = json.loads(sarif.render([finding], SUMMARY))["runs"]
    (place,) = run["results"][0]["locations"]
    assert unquote(place["physicalLocation"]["artifactLocation"]["uri"]) == "a b/ü#?.yaml"


def test_targets_that_were_not_checked_are_named_with_the_reason():
    summary = replace(SUMMARY, not_checked=(NOT_CHECKED,))
    message = '"far.Net" was not checked: far is not installed'
    assert f"note: recipes/mini/recipe.yaml:5:15: {message}\n" in human.render((), summary)
    (command,) = github.render((), summary).splitlines()
    place = "file=recipes/mini/recipe.yaml,line=5,endLine=5,col=15,endColumn=18"
    assert command.startswith(f"::notice {place},title=R520 unchecked-target::{message}")
    report = json.loads(as_json.render((), summary))
    jsonschema.Draft202012Validator(load("report")).validate(report)
    (item,) = report["not_checked"]
    assert (item["message"], item["primary"]["text"]) == (message, "far is not installed")
    (run,) = json.loads(sarif.render((), summary))["runs"]
    assert run["results"] == []
    (note,) = run["invocations"][0]["toolExecutionNotifications"]
    assert note["message"]["text"].startswith(message)
    assert note["locations"][0]["physicalLocation"]["region"]["startLine"] == 5
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["R520"]


def test_of_many_targets_people_see_the_first():
    text = human.render((), replace(SUMMARY, not_checked=(NOT_CHECKED,) * 14))
    assert text.count("was not checked") == 10
    assert "note: 4 more were not checked; --format json lists all\n" in text
