"""Leave out warnings that a comment on their line silences, and report comments that do not."""

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from espnet3_compiler.diagnostics.codes import BY_NUMBER
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Edit, Fix, Label
from espnet3_compiler.diagnostics.ignore_comments import (
    IgnoreComment,
    find_comments,
    is_ignored,
)
from espnet3_compiler.diagnostics.source import Source, Span
from espnet3_compiler.diagnostics.suggest import closest_match
from espnet3_compiler.syntax.unknown_name import did_you_mean

FORM = "# espnet3: ignore CODE"
_FOUND_LATER = ("R520", "R521", "R9")
"""Codes of what only some commands find: that it is absent says nothing."""
_NAMES_RECIPE = r"^recipe[ \t]*:"


def without_ignored(findings: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Leave out the warnings that are silenced."""
    return tuple(finding for finding in findings if not is_ignored(finding))


def comment_findings(
    findings: Sequence[Diagnostic], manifest: Source, others: Iterable[Source], *, whole: bool
) -> Iterator[Diagnostic]:
    """Yield R819 for comments that silence nothing.

    Whether a warning is absent is said only of a recipe without errors, as checks stop at these,
    and only in a file that no other manifest of the directory may use as well.

    Args:
        findings: What was found, with what is silenced.
        manifest: The text of the manifest.
        others: The texts of other files of the recipe.
        whole: Whether the recipe was checked as it is written, without values from elsewhere.
    """
    whole = whole and all(BY_NUMBER[item.code].severity != "error" for item in findings)
    present = {(item.code, *_line_of(item.primary.span)) for item in findings}
    sources = dict.fromkeys((manifest, *others))
    comments = [(source, one) for source in sources for one in find_comments(source)]
    others_too = whole and any(source is not manifest for source, _ in comments)
    shared = others_too and _has_companions(manifest)
    for source, comment in comments:
        judges = whole and (source is manifest or not shared)
        yield from _judge_comment(comment, present if judges else None)


def _judge_comment(
    comment: IgnoreComment, present: set[tuple[str, str, int]] | None
) -> Iterator[Diagnostic]:
    if not comment.codes:
        message = "a comment for espnet3 has another form than is understood"
        advice = (f"write {FORM}, with the code of the warning on this line",)
        yield Diagnostic("R819", message, Label(comment.span, f"not {FORM}"), help=advice)
    for code in comment.codes:
        known = BY_NUMBER.get(code.text)
        if known is None or known.severity == "error":
            yield _unfit(code)
        elif present is None or code.text.startswith(_FOUND_LATER):
            continue
        elif (code.text, *_line_of(code)) not in present:
            yield _unused(comment, code)


def _unfit(code: Span) -> Diagnostic:
    known = BY_NUMBER.get(code.text)
    if known is not None:
        message = f'"{code.text}" is an error, which no comment silences'
        return Diagnostic("R819", message, Label(code, known.name), help=("mend the error",))
    near = closest_match(code.text, list(BY_NUMBER))
    message = f'there is no code "{code.text}" that a comment could silence'
    return Diagnostic("R819", message, Label(code, "no such code"), help=did_you_mean(near))


def _unused(comment: IgnoreComment, code: Span) -> Diagnostic:
    message = f'a comment silences "{code.text}", which is not found on its line'
    label = Label(code, f"no {BY_NUMBER[code.text].name} here")
    if len(comment.codes) > 1:
        return Diagnostic("R819", message, label, help=("remove the code",))
    text = comment.span.source.text
    start = len(text[: comment.span.start].rstrip(" \t"))
    edit = Edit(Span(comment.span.source, start, comment.span.end), "")
    fix = Fix("remove the comment", (edit,))
    return Diagnostic("R819", message, label, help=("remove the comment",), fix=fix)


def _line_of(span: Span) -> tuple[str, int]:
    return span.source.name, span.source.line_column(span.start)[0]


def _has_companions(manifest: Source) -> bool:
    """Return whether another manifest stands beside one, which may share its files."""
    if manifest.path is None:
        return False
    files = (one for one in manifest.path.parent.glob("*.y*ml") if one != manifest.path)
    return any(re.search(_NAMES_RECIPE, _read_text(one), re.MULTILINE) for one in files)


def _read_text(path: Path) -> str:
    try:
        return path.read_text("utf-8", errors="replace")
    except OSError:
        return ""
