"""Findings as annotations of a GitHub workflow run.

The form: https://docs.github.com/actions/reference/workflow-commands-for-github-actions
"""

from collections.abc import Iterable

from espnet3_compiler.diagnostics.codes import BY_NUMBER
from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.diagnostics.source import region_of
from espnet3_compiler.output.summary import Summary

IN_DATA = {"%": "%25", "\r": "%0D", "\n": "%0A"}
IN_PROPERTY = {**IN_DATA, ":": "%3A", ",": "%2C"}


def render(diagnostics: Iterable[Diagnostic], summary: Summary) -> str:
    """Return one workflow command for each finding and each target that was not checked."""
    commands = [_workflow_command(item, BY_NUMBER[item.code].severity) for item in diagnostics]
    commands += [_workflow_command(item, "notice") for item in summary.not_checked]
    return "".join(f"{command}\n" for command in commands)


def _workflow_command(diagnostic: Diagnostic, level: str) -> str:
    code, source = BY_NUMBER[diagnostic.code], diagnostic.primary.span.source
    where = "" if source.kind == "file" else f" ({source.name})"
    text = "\n".join([diagnostic.message + where, *diagnostic.help, *diagnostic.notes])
    properties = {**_annotation_location(diagnostic), "title": f"{code.number} {code.name}"}
    listed = ",".join(
        f"{key}={_escape_text(value, IN_PROPERTY)}" for key, value in properties.items()
    )
    return f"::{level} {listed}::{_escape_text(text, IN_DATA)}"


def _annotation_location(diagnostic: Diagnostic) -> dict[str, str]:
    """Return where the annotation goes; GitHub takes columns only within one line."""
    span = diagnostic.primary.span
    if span.source.kind != "file":
        return {}
    where = region_of(span)
    lines = {"file": span.source.name, "line": str(where.line), "endLine": str(where.end_line)}
    if where.line != where.end_line:
        return lines
    return {**lines, "col": str(where.column), "endColumn": str(where.end_column)}


def _escape_text(text: str, table: dict[str, str]) -> str:
    return "".join(table.get(char, char) for char in text)
