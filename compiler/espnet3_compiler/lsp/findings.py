"""Findings as the diagnostics of the protocol, and their fixes as code actions."""

from collections.abc import Callable, Iterable, Iterator

from lsprotocol import types

from espnet3_compiler.cli.fix import plan_fixes
from espnet3_compiler.diagnostics.codes import BY_NUMBER
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Edit, Label
from espnet3_compiler.diagnostics.source import Source, Span
from espnet3_compiler.lsp.positions import Positions
from espnet3_compiler.result import CompileResult
from espnet3_schemas.installation import NAME

_SEVERITIES = {
    "error": types.DiagnosticSeverity.Error,
    "warning": types.DiagnosticSeverity.Warning,
}


def findings_by_file(
    results: Iterable[CompileResult], positions: Positions
) -> dict[str, list[types.Diagnostic]]:
    """Return the findings of all manifests by the URI of the file that they are in, each once."""
    found: dict[str, dict[tuple[object, ...], types.Diagnostic]] = {}
    for result in results:
        for finding in result.diagnostics:
            label = _shown_label(finding, result)
            uri = positions.uri(label.span.source)
            if uri is not None:
                span = label.span
                key = (finding.code, span.start, span.end, finding.message)
                shown = _as_diagnostic(finding, label, positions)
                found.setdefault(uri, {}).setdefault(key, shown)
    return {uri: list(each.values()) for uri, each in found.items()}


def _shown_label(finding: Diagnostic, result: CompileResult) -> Label:
    """Return the place of a finding; the start of the manifest where it is in no file."""
    labels = (finding.primary, *finding.related)
    shown = next((label for label in labels if label.span.source.path), None)
    return shown or Label(Span(Source("", "", path=result.path), 0, 0), finding.primary.text)


def _as_diagnostic(finding: Diagnostic, label: Label, positions: Positions) -> types.Diagnostic:
    code = BY_NUMBER[finding.code]
    lines = [finding.message, *finding.help, *(f"note: {note}" for note in finding.notes)]
    return types.Diagnostic(
        range=positions.range(label.span),
        message="\n".join(lines),
        severity=_SEVERITIES[code.severity],
        code=finding.code,
        source=NAME,
        related_information=list(_related(finding, label, positions)) or None,
    )


def _related(
    finding: Diagnostic, shown: Label, positions: Positions
) -> Iterator[types.DiagnosticRelatedInformation]:
    for label in (finding.primary, *finding.related):
        place = positions.location(label.span)
        if place and label.text and (label is not shown or label.text not in finding.message):
            yield types.DiagnosticRelatedInformation(place, label.text)


def code_actions(
    results: Iterable[CompileResult],
    uri: str,
    place: types.Range,
    positions: Positions,
    is_current: Callable[[Source], bool],
) -> list[types.CodeAction]:
    """Return the fixes of the findings at a place, and one that applies all certain ones.

    Args:
        results: The results for the manifests of the file.
        uri: The file.
        place: What is selected in it.
        positions: Converts spans.
        is_current: Whether a text is still the one that the editor has.
    """
    actions: dict[str, types.CodeAction] = {}
    findings = [(finding, result) for result in results for finding in result.diagnostics]
    for finding, result in findings:
        label = _shown_label(finding, result)
        edits = finding.fix.edits if finding.fix else ()
        here = positions.uri(label.span.source) == uri and _overlaps(
            positions.range(label.span), place
        )
        if finding.fix and here and all(is_current(edit.span.source) for edit in edits):
            actions.setdefault(
                finding.fix.title,
                types.CodeAction(
                    title=finding.fix.title,
                    kind=types.CodeActionKind.QuickFix,
                    diagnostics=[_as_diagnostic(finding, label, positions)],
                    edit=workspace_edit(edits, positions),
                    is_preferred=finding.fix.certain,
                ),
            )
    return [*actions.values(), *_fix_all([one for one, _ in findings], positions, is_current)]


def _fix_all(
    findings: list[Diagnostic], positions: Positions, is_current: Callable[[Source], bool]
) -> Iterator[types.CodeAction]:
    plan = plan_fixes(findings)
    edits = [edit for finding in plan.applied if finding.fix for edit in finding.fix.edits]
    if edits and all(is_current(edit.span.source) for edit in edits):
        yield types.CodeAction(
            title=f"apply all certain fixes ({len(plan.applied)})",
            kind=types.CodeActionKind.SourceFixAll,
            edit=workspace_edit(edits, positions),
        )


def workspace_edit(edits: Iterable[Edit], positions: Positions) -> types.WorkspaceEdit:
    """Return edits by the files that they change, each once."""
    changes: dict[str, dict[tuple[int, int, str], types.TextEdit]] = {}
    for edit in edits:
        uri = positions.uri(edit.span.source)
        if uri is not None:
            key = (edit.span.start, edit.span.end, edit.text)
            new = types.TextEdit(positions.range(edit.span), edit.text)
            changes.setdefault(uri, {}).setdefault(key, new)
    return types.WorkspaceEdit(changes={uri: list(each.values()) for uri, each in changes.items()})


def _overlaps(one: types.Range, other: types.Range) -> bool:
    return one.start <= other.end and other.start <= one.end
