"""Findings that only follow from others: one cause gives one finding."""

import re
from collections.abc import Iterable

from espnet3_compiler.diagnostic import Diagnostic
from espnet3_compiler.ir import Recipe, Resolved
from espnet3_compiler.places import Place, place
from espnet3_compiler.source import Source

_CAUSES = ("R1", "R3", "R6")
"""Families that say that a value is wrong in itself."""

_USES = ("R4", "R5", "R7")
"""Families that find a value wrong where it is used."""

_CONFIG = re.compile(r"\bconfigs\.(\w+)")


def without_consequences(
    findings: Iterable[Diagnostic], recipe: Recipe, resolved: Resolved
) -> tuple[Diagnostic, ...]:
    """Leave out what another finding explains.

    * A line that cannot be read is not what was meant.
    * A value that is wrong where it is written is wrong at every place that fetches it.
    * A ``${…}`` that names nothing because the key that it names is misspelt at its own place, or
      stands where something could not be read.
    """
    found = tuple(findings)
    lines = {_line(f) for f in found if f.code in ("R101", "R112")}
    unread = {place(f.primary.span) for f in found if f.code.startswith("R1")}
    causes = {place(f.primary.span) for f in found if f.code.startswith(_CAUSES)}
    slips = {_meant(f) for f in found if f.code in ("R502", "R601")} - {None}
    return tuple(
        f
        for f in found
        if f.code.startswith("R1")
        or not (
            _line(f) in lines
            or (f.code.startswith("R6") and place(f.primary.span) in unread)
            or (f.code.startswith(_USES) and _is_use(f, causes))
            or (f.code == "R301" and _is_echo(f, slips, recipe, resolved))
        )
    )


def _line(finding: Diagnostic) -> tuple[Source, int]:
    span = finding.primary.span
    return span.source, span.source.line_column(span.start)[0]


def _is_use(finding: Diagnostic, causes: set[Place]) -> bool:
    places = {place(label.span) for label in (finding.primary, *finding.related)}
    return not causes.isdisjoint(places)


def _meant(finding: Diagnostic) -> tuple[str, str] | None:
    """Return what is written and what was meant."""
    if finding.fix is None or len(finding.fix.edits) != 1:
        return None
    edit = finding.fix.edits[0]
    return edit.span.text, edit.text


def _is_echo(
    finding: Diagnostic,
    slips: set[tuple[str, str] | None],
    recipe: Recipe,
    resolved: Resolved,
) -> bool:
    """Return whether a reference is right and what it names is not legible."""
    said = _meant(finding)
    if said:
        return said[::-1] in slips
    config = _CONFIG.search(finding.message)
    return not recipe.whole or bool(config and not resolved.is_sure(config[1]))
