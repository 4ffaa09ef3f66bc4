"""Join findings that tell one mistake at several places into one."""

import re
from collections.abc import Callable, Iterable

from msgspec.structs import replace

from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.diagnostics.source import Span
from espnet3_compiler.syntax.span_key import span_key

_UNKNOWN_NAME_CODES = {"R203": "models", "R204": "configs", "R205": "stages", "R306": "configs"}
"""Codes of names that are not declared, and the key under which they should be."""

_REPEATED = ("R407", "R437", "R807")
"""A model that stages need and none chooses, settings that one LightningModule owns, and parts of a
model that are named with a prefix that it does not have."""

_LEFT_OUT = ", and output_keys leaves it out"
_MISSING_IN_LIST = r"the list of (models|configs) has no "
_GONE = r'"[\w.]+" has no "\w+"'
_NO_FIELD = r"data have no (?:field|column) (\".+\")$"


def merge_findings(findings: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Return findings, each mistake once, with every place that shows it."""
    return _with_given_paths(_merge_exchanged(merge_unknown_names(_merge_exclusions(findings))))


def merge_left(findings: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Return findings that no other explains, each mistake once, with every place that shows it."""
    return _merge_left_out(_merge_unknown_fields(_merge_repeated(findings)))


def merge_unknown_names(findings: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Report a name that nothing has once, with every location that says it."""

    def key(finding: Diagnostic) -> object:
        kind = _name_kind(finding)
        return None if kind is None else (kind, finding.primary.span.text)

    return _merge_alike(findings, key, "named here too")


def _merge_repeated(findings: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Report findings of these codes once that have one advice."""

    def key(finding: Diagnostic) -> object:
        used = [span_key(label.span) for label in finding.related if finding.code == "R437"]
        same = finding.message if finding.code == "R807" else ""
        return (same, finding.help, *used) if finding.code in _REPEATED else None

    return _merge_alike(findings, key, "likewise")


def _merge_unknown_fields(findings: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Report a field that the data do not have once, with every location that names it."""

    def key(finding: Diagnostic) -> object:
        named = re.search(_NO_FIELD, finding.message) if finding.code == "R422" else None
        return named and named[1]

    return _merge_alike(findings, key, "named here too")


def _merge_alike(
    findings: Iterable[Diagnostic], key: Callable[[Diagnostic], object], text: str
) -> tuple[Diagnostic, ...]:
    """Report findings that are the same mistake once.

    Args:
        findings: The findings.
        key: What is the same of those; None for a finding that stands alone.
        text: What is said at the locations of the others.
    """
    same: dict[object, list[Diagnostic]] = {}
    others: list[Diagnostic] = []
    for finding in findings:
        if (kind := key(finding)) is None:
            others.append(finding)
        else:
            same.setdefault(kind, []).append(finding)
    return (*(_with_locations(alike, text) for alike in same.values()), *others)


def _merge_left_out(findings: tuple[Diagnostic, ...]) -> tuple[Diagnostic, ...]:
    """Report an output that ``output_keys`` leaves out once, with the metrics that read it."""
    merged = list(findings)
    for finding in findings:
        if finding.code != "R604" or not finding.message.endswith(_LEFT_OUT):
            continue
        reading = [one for one in merged if one.code == "R410" and _reads_left_out(one, finding)]
        merged = [one for one in merged if one not in reading]
        merged[merged.index(finding)] = finding.joined_with_all(reading, "a metric reads it")
    return tuple(merged)


def _reads_left_out(finding: Diagnostic, other: Diagnostic) -> bool:
    """Return whether a metric reads the output that another finding says is left out."""
    kept = [label.span for label in other.related]
    lists = any(label.span.lies_in(span) for label in finding.related for span in kept)
    return lists and finding.primary.span.text.strip("\"'") == other.primary.span.text.strip("\"'")


def _name_kind(finding: Diagnostic) -> str | None:
    """Return the key under which an unknown name should be declared; for others the message."""
    if finding.code == "R301" and "the row of the matrix has no" in finding.message:
        return finding.message
    if finding.code == "R301" and "a row of the matrix has no" in finding.message:
        return f"{finding.message} {finding.primary.span.start}"
    if finding.code == "R301":
        listed = re.search(_MISSING_IN_LIST, finding.message)
        return listed[1] if listed else None
    if finding.code in ("R501", "R508") and re.fullmatch(_GONE, finding.message):
        return finding.message  # renamed in its file alone
    package = finding.code == "R501" and finding.message.startswith("there is no package")
    if package or finding.code in ("R439", "R502"):
        return finding.message
    return _UNKNOWN_NAME_CODES.get(finding.code)


def _with_locations(same: list[Diagnostic], text: str) -> Diagnostic:
    """Return the first of several findings, with the locations of the others, each once."""
    first, *others = same
    seen = {span_key(label.span) for label in (first.primary, *first.related)}
    fresh = []
    for other in others:
        if (key := span_key(other.primary.span)) not in seen:  # a base of configs is read again
            seen.add(key)
            fresh.append(other)
    return first.joined_with_all(fresh, text)


def _merge_exchanged(findings: tuple[Diagnostic, ...]) -> tuple[Diagnostic, ...]:
    """Report two files that stand in each other's place once."""
    merged: list[Diagnostic] = []
    for finding in findings:
        may_be = merged if finding.code == "R406" else ()
        other = next((one for one in may_be if _are_exchanged(one, finding)), None)
        if other is None:
            merged.append(finding)
        else:
            both = other.joined_with(finding, "and this in its place")
            merged[merged.index(other)] = replace(both, help=("exchange the two",))
    return tuple(merged)


def _are_exchanged(first: Diagnostic, second: Diagnostic) -> bool:
    if first.code != "R406" or second.code != "R406":
        return False
    one, other = correction_of(first), correction_of(second)
    return one is not None and other is not None and one == other[::-1]


def _merge_exclusions(findings: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Report a key that excludes several others once."""
    merged: list[Diagnostic] = []
    for finding in findings:
        keys = _excluded_keys(finding)
        other = next((one for one in merged if keys & _excluded_keys(one)), None)
        if other is None:
            merged.append(finding)
            continue
        known = {label.span for label in (other.primary, *other.related)}
        if keys <= known:  # another config inherits them, too
            continue
        (shared,), (more,) = keys & known, keys - known
        advice = f"keep {shared.text}, or remove it and keep the others"
        related = (*other.related, Label(more, "this, too"))
        merged[merged.index(other)] = replace(other, related=related, help=(advice,))
    return tuple(merged)


def _excluded_keys(finding: Diagnostic) -> set[Span]:
    """Return the two keys that exclude each other."""
    known = finding.code == "R607" and ' has both "' in finding.message
    return {label.span for label in (finding.primary, *finding.related[:1])} if known else set()


def _with_given_paths(findings: tuple[Diagnostic, ...]) -> tuple[Diagnostic, ...]:
    """Advise to declare the path that a call is given, where it declares that of another stage."""
    given = {
        span_key(f.primary.span): f.message.rpartition(", but ")[2]
        for f in findings
        if f.code == "R513" and ", but " in f.message
    }
    return tuple(
        replace(f, help=(f"write {given[place]}, which the call is given",))
        if f.code == "R413" and (place := span_key(f.primary.span)) in given
        else f
        for f in findings
    )


def correction_of(finding: Diagnostic) -> tuple[str, str] | None:
    """Return the written and the suggested text."""
    if finding.fix is None or len(finding.fix.edits) != 1:
        return None
    edit = finding.fix.edits[0]
    return edit.span.text, edit.text
