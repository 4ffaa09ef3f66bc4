"""Findings that only follow from others: one cause gives one finding."""

from collections.abc import Iterable

from espnet3_compiler.diagnostic import Diagnostic
from espnet3_compiler.places import Place, place

_CAUSES = ("R1", "R3", "R6")
"""Families that say that a value is wrong in itself."""

_USES = ("R4", "R5", "R7")
"""Families that find a value wrong where it is used."""


def without_consequences(findings: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Leave out what another finding explains.

    * What cannot be read has no shape.
    * A value that is wrong where it is written is wrong at every place that fetches it.
    * A ``${…}`` that names nothing because the key that it names is misspelt at its own place.
    """
    found = tuple(findings)
    unread = {place(f.primary.span) for f in found if f.code.startswith("R1")}
    causes = {place(f.primary.span) for f in found if f.code.startswith(_CAUSES)}
    slips = {_meant(f) for f in found if f.code in ("R502", "R601")} - {None}
    return tuple(
        f
        for f in found
        if not (f.code.startswith("R6") and place(f.primary.span) in unread)
        and not _is_use(f, causes)
        and not _is_echo(f, slips)
    )


def _is_use(finding: Diagnostic, causes: set[Place]) -> bool:
    if not finding.code.startswith(_USES):
        return False
    places = {place(label.span) for label in (finding.primary, *finding.related)}
    return not causes.isdisjoint(places)


def _meant(finding: Diagnostic) -> tuple[str, str] | None:
    """Return what is written and what was meant."""
    if finding.fix is None or len(finding.fix.edits) != 1:
        return None
    edit = finding.fix.edits[0]
    return edit.span.text, edit.text


def _is_echo(finding: Diagnostic, slips: set[tuple[str, str] | None]) -> bool:
    """Return whether a reference names what was meant by a misspelt key."""
    said = _meant(finding) if finding.code == "R301" else None
    return said is not None and said[::-1] in slips
