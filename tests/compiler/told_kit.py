"""Findings as lines of text, so that a test can hold all that they say."""

from collections.abc import Iterable

from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label


def told(findings: Iterable[Diagnostic]) -> list[str]:
    """Return what findings say: code, message, marked texts, advice and edits."""
    return [line for finding in findings for line in _lines(finding)]


def _lines(finding: Diagnostic) -> list[str]:
    lines = [f"{finding.code} {finding.message}", f"at {_marked(finding.primary)}"]
    lines += [f"and {_marked(label)}" for label in finding.related]
    lines += [f"help: {text}" for text in finding.help]
    lines += [f"note: {text}" for text in finding.notes]
    if finding.fix:
        sure = "fix" if finding.fix.certain else "perhaps"
        edits = [f"{edit.span.text!r} -> {edit.text!r}" for edit in finding.fix.edits]
        lines.append(f"{sure}: {finding.fix.title}: {', '.join(edits)}")
    return lines


def _marked(label: Label) -> str:
    span = label.span
    line, column = span.source.line_column(span.start)
    return f"{line}:{column} {span.text!r} {label.text}"
