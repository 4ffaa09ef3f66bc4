"""Findings as JSON, in a form of its own that ``report.schema.json`` describes."""

import json
from collections.abc import Iterable
from typing import Any

from espnet3_compiler.codes import BY_NUMBER
from espnet3_compiler.diagnostic import Diagnostic, Fix, Label
from espnet3_compiler.output.places import region
from espnet3_compiler.output.summary import Summary, count
from espnet3_compiler.source import Span

VERSION = 1


def render(diagnostics: Iterable[Diagnostic], summary: Summary) -> str:
    """Return a report as one JSON object."""
    found = tuple(diagnostics)
    errors, warnings = count(found)
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
        "findings": [_finding(diagnostic) for diagnostic in found],
    }
    return json.dumps(report, indent=2, ensure_ascii=False) + "\n"


def _finding(diagnostic: Diagnostic) -> dict[str, Any]:
    code = BY_NUMBER[diagnostic.code]
    return {
        "code": code.number,
        "name": code.name,
        "severity": code.severity,
        "message": diagnostic.message,
        "primary": _label(diagnostic.primary),
        "related": [_label(label) for label in diagnostic.related],
        "help": list(diagnostic.help),
        "notes": list(diagnostic.notes),
        "fix": _fix(diagnostic.fix) if diagnostic.fix else None,
    }


def _label(label: Label) -> dict[str, Any]:
    return {"place": _place(label.span), "text": label.text}


def _fix(fix: Fix) -> dict[str, Any]:
    edits = [{"place": _place(edit.span), "text": edit.text} for edit in fix.edits]
    return {"title": fix.title, "certain": fix.certain, "edits": edits}


def _place(span: Span) -> dict[str, Any]:
    where = region(span)
    return {
        "source": span.source.name,
        "kind": span.source.kind,
        "start": {"line": where.line, "column": where.column, "offset": span.start},
        "end": {"line": where.end_line, "column": where.end_column, "offset": span.end},
    }
