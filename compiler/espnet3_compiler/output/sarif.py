"""Findings as SARIF 2.1.0, for code scanning services and editors.

The format: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
What GitHub wants of it: https://docs.github.com/code-security (SARIF support for code scanning)
"""

import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from espnet3_compiler.diagnostics.codes import BY_NUMBER, Code
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Edit, Fix, Label
from espnet3_compiler.diagnostics.explanation import explanation_body
from espnet3_compiler.diagnostics.source import Span, region_of
from espnet3_compiler.output.summary import Summary
from espnet3_schemas.installation import NAME, installed_version

HOME = "https://github.com/espnet/espnet3-compile"
SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)


def render(diagnostics: Iterable[Diagnostic], summary: Summary) -> str:
    """Return a SARIF log with one run."""
    found = tuple(diagnostics)
    numbers = sorted({diagnostic.code for diagnostic in (*found, *summary.not_checked)})
    rules = [_sarif_rule(BY_NUMBER[number]) for number in numbers]
    run: dict[str, Any] = {
        "tool": {"driver": {**_driver(), "rules": rules}},
        "columnKind": "unicodeCodePoints",
        "artifacts": [{"location": _artifact_location(name)} for name in summary.manifests],
        "results": [_sarif_result(diagnostic, numbers) for diagnostic in found],
    }
    if summary.not_checked:
        notes = [_sarif_notification(item) for item in summary.not_checked]
        run["invocations"] = [{"executionSuccessful": True, "toolExecutionNotifications": notes}]
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(log, indent=2, ensure_ascii=False) + "\n"


def _driver() -> dict[str, str]:
    version = installed_version()
    known = {"version": version} if version else {}
    return {"name": NAME, "informationUri": HOME, **known}


def _sarif_rule(code: Code) -> dict[str, Any]:
    """Return a kind of finding; GitHub shows its ``help`` beside a result."""
    explanation = explanation_body(code.number)
    meaning = " ".join(explanation.split("\n\n")[0].split())
    return {
        "id": code.number,
        "name": code.name,
        "shortDescription": {"text": code.summary},
        "fullDescription": {"text": meaning},
        "help": {"text": explanation, "markdown": explanation},
        "defaultConfiguration": {"level": code.severity},
    }


def _sarif_result(diagnostic: Diagnostic, numbers: list[str]) -> dict[str, Any]:
    advice = [*diagnostic.help, *diagnostic.notes]
    result: dict[str, Any] = {
        "ruleId": diagnostic.code,
        "ruleIndex": numbers.index(diagnostic.code),
        "level": BY_NUMBER[diagnostic.code].severity,
        "message": {"text": "\n".join([diagnostic.message, *advice])},
        "locations": [_sarif_location(diagnostic.primary)],
    }
    if diagnostic.related:
        result["relatedLocations"] = [
            {"id": index, **_sarif_location(label)}
            for index, label in enumerate(diagnostic.related, 1)
        ]
    if diagnostic.fix and all(edit.span.source.kind == "file" for edit in diagnostic.fix.edits):
        result["fixes"] = [_sarif_fix(diagnostic.fix)]
    return result


def _sarif_notification(diagnostic: Diagnostic) -> dict[str, Any]:
    """Return what the tool could not do, which is no result."""
    return {
        "level": "note",
        "message": {"text": "\n".join([diagnostic.message, *diagnostic.help])},
        "locations": [_sarif_location(diagnostic.primary)],
        "associatedRule": {"id": diagnostic.code},
    }


def _sarif_location(label: Label) -> dict[str, Any]:
    """Return a location; one outside a file (``--set``) is a logical one."""
    span = label.span
    place: dict[str, Any] = {"message": {"text": label.text}} if label.text else {}
    if span.source.kind != "file":
        return {**place, "logicalLocations": [{"fullyQualifiedName": span.source.name}]}
    physical = {
        "artifactLocation": _artifact_location(span.source.name),
        "region": _sarif_region(span),
    }
    return {**place, "physicalLocation": physical}


def _artifact_location(name: str) -> dict[str, str]:
    return {"uri": quote(name)}


def _sarif_region(span: Span) -> dict[str, int]:
    where = region_of(span)
    return {
        "startLine": where.line,
        "startColumn": where.column,
        "endLine": where.end_line,
        "endColumn": where.end_column,
    }


def _sarif_fix(fix: Fix) -> dict[str, Any]:
    by_file: dict[str, list[Edit]] = {}
    for edit in fix.edits:
        by_file.setdefault(edit.span.source.name, []).append(edit)
    changes = [
        {
            "artifactLocation": _artifact_location(name),
            "replacements": [
                {"deletedRegion": _sarif_region(e.span), "insertedContent": {"text": e.text}}
                for e in edits
            ],
        }
        for name, edits in by_file.items()
    ]
    return {"description": {"text": fix.title}, "artifactChanges": changes}
