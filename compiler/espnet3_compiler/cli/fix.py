"""``--fix``: apply the fixes that are certain, each file completely or not at all."""

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from msgspec import Struct

from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Edit
from espnet3_compiler.filesystem import refusal, write_atomically
from espnet3_compiler.pipeline import display_name
from espnet3_compiler.result import CompileResult

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class FixPlan(Struct, frozen=True):
    """The certain fixes and the files that they change.

    Attributes:
        files: The new text of each file that changes, by path.
        before: The text that the edits were made for, by path.
        applied: Findings whose fix is in ``files``.
        left: Findings without a certain fix, or with one that overlaps another.
    """

    files: Mapping[Path, str]
    before: Mapping[Path, str]
    applied: tuple[Diagnostic, ...]
    left: tuple[Diagnostic, ...]


def plan_fixes(diagnostics: Iterable[Diagnostic]) -> FixPlan:
    """Return the certain fixes and the files that they change; nothing is written.

    A fix is applied with all of its edits or not at all. Of two that overlap the first wins; run
    again for the other.
    """
    chosen: dict[Path, dict[tuple[int, int], str]] = {}
    before: dict[Path, str] = {}
    applied, left = [], []
    for diagnostic in diagnostics:
        edits = _certain_edits(diagnostic)
        if not edits or any(_is_colliding(edit, chosen) for edit in edits):
            left.append(diagnostic)
            continue
        applied.append(diagnostic)
        for edit in edits:
            path = _edit_path(edit)
            before[path] = edit.span.source.text
            chosen.setdefault(path, {})[edit.span.start, edit.span.end] = edit.text
    files = dict(before)
    for path, new_texts in chosen.items():
        for (start, end), new in sorted(new_texts.items(), reverse=True):
            files[path] = files[path][:start] + new + files[path][end:]
    return FixPlan(files, before, tuple(applied), tuple(left))


def _certain_edits(diagnostic: Diagnostic) -> tuple[Edit, ...]:
    if diagnostic.fix is None or not diagnostic.fix.certain:
        return ()
    edits = diagnostic.fix.edits
    return edits if all(edit.span.source.path for edit in edits) else ()


def _edit_path(edit: Edit) -> Path:
    assert edit.span.source.path is not None
    return edit.span.source.path


def _is_colliding(edit: Edit, chosen: Mapping[Path, Mapping[tuple[int, int], str]]) -> bool:
    """Return whether an edit overlaps a chosen one; the same edit twice is no collision."""
    start, end = edit.span.start, edit.span.end
    for (other_start, other_end), text in chosen.get(_edit_path(edit), {}).items():
        if (start, end) == (other_start, other_end):
            return text != edit.text or start == end
        if start < other_end and other_start < end:
            return True
    return False


def write_fixes(fixed: FixPlan) -> tuple[Path, ...]:
    """Write the files of a plan; return those that were skipped because their text changed.

    Raises:
        OSError: A file cannot be written.
    """
    skipped = []
    for path, text in fixed.files.items():
        data = path.read_bytes()
        mark = BYTE_ORDER_MARK if data.startswith(BYTE_ORDER_MARK) else b""
        if data != mark + fixed.before[path].encode():
            skipped.append(path)
            continue
        write_atomically(path.resolve(), mark + text.encode())
    return tuple(skipped)


def apply_fixes(outcome: CompileResult) -> bool:
    """Apply and print the fixes that are certain, and return whether a file changed."""
    fixed = plan_fixes(outcome.diagnostics)
    try:
        skipped = write_fixes(fixed)
    except OSError as error:
        path = Path(error.filename or outcome.path)
        print(f"error: cannot write a fix: {refusal(error, path)}", file=sys.stderr)
        return False
    for path in skipped:
        print(f"{display_name(path)} changed meanwhile; not fixed", file=sys.stderr)
    for finding in fixed.applied:
        if any(_edit_path(edit) in skipped for edit in _certain_edits(finding)):
            continue
        span = finding.primary.span
        line, column = span.source.line_column(span.start)
        title = finding.fix.title if finding.fix else finding.message
        print(f"fixed {span.source.name}:{line}:{column}: {title}", file=sys.stderr)
    return len(skipped) < len(fixed.files)
