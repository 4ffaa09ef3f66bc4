"""Findings as JSON, in a form of its own that ``report.schema.json`` describes."""

import json
from collections.abc import Iterable
from typing import Any

from espnet3_compiler.diagnostics.codes import BY_NUMBER
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Edit, Label
from espnet3_compiler.diagnostics.source import Span, region_of
from espnet3_compiler.output.summary import Summary, count_severities

VERSION = 1


def render(diagnostics: Iterable[Diagnostic], summary: Summary) -> str:
    """Return a report as one JSON object."""
    found = tuple(diagnostics)
    errors, warnings = count_severities(found)
    report = {
        "version": VERSION,
        "summary": {
            "manifests": list(summary.manifests),
            "errors": errors,
            "warnings": warnings,
            "targets": summary.targets,
            "unchecked": summary.unchecked,
            "seconds": summary.seconds,
        },
        "findings": [_json_finding(diagnostic) for diagnostic in found],
        "not_checked": [_json_finding(diagnostic) for diagnostic in summary.not_checked],
    }
    return json.dumps(report, indent=2, ensure_ascii=False) + "\n"


def _json_finding(diagnostic: Diagnostic) -> dict[str, Any]:
    code = BY_NUMBER[diagnostic.code]
    return {
        "code": code.number,
        "name": code.name,
        "severity": code.severity,
        "message": diagnostic.message,
        "primary": _json_label(diagnostic.primary),
        "related": [_json_label(label) for label in diagnostic.related],
        "help": list(diagnostic.help),
        "notes": list(diagnostic.notes),
        "fix": diagnostic.fix
        and {
            "title": diagnostic.fix.title,
            "certain": diagnostic.fix.certain,
            "edits": [_json_label(edit) for edit in diagnostic.fix.edits],
        },
    }


def _json_label(label: Label | Edit) -> dict[str, Any]:
    return {"place": _json_location(label.span), "text": label.text}


def _json_location(span: Span) -> dict[str, Any]:
    where = region_of(span)
    return {
        "source": span.source.name,
        "kind": span.source.kind,
        "start": {"line": where.line, "column": where.column, "offset": span.start},
        "end": {"line": where.end_line, "column": where.end_column, "offset": span.end},
    }
