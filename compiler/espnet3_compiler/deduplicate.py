"""Findings that only follow from others: one cause gives one finding."""

import re
from collections.abc import Iterable
from dataclasses import replace

from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.diagnostics.source import Source, Span
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.syntax.span_key import SpanKey, span_key

_CAUSE_FAMILIES = ("R1", "R3", "R6")
"""Families that say that a value is wrong in itself."""

_USE_FAMILIES = ("R4", "R5", "R7")
"""Families that find a value wrong where it is used."""

_MISFIT_CODES = ("R504", "R602", "R604", "R605")
"""Codes of values of a wrong type or size."""

_UNKNOWN_NAME_CODES = {"R203": "models", "R204": "configs", "R205": "stages", "R306": "configs"}
"""Codes of names that are not declared, and where they should be."""

_MISSING_IN_LIST = re.compile(r"the list of (models|configs) has no ")

_QUOTED_NAME = re.compile(r'"(\w+)"')

_OF_MODEL = re.compile(r"\$\{models\.(\w+)\.")

_CONFIG_NAME = re.compile(r"\bconfigs\.(\w+)")


def without_consequences(
    findings: Iterable[Diagnostic], recipe: Recipe, resolved: Resolved
) -> tuple[Diagnostic, ...]:
    """Leave out what another finding explains.

    * A tag may have been meant to say what is missing on its line.
    * A value that is wrong where it is written is wrong at every place that fetches it.
    * A ``${…}`` that names nothing because the key that it names is misspelt at its own place, or
      stands where something could not be read.
    * A ``${…}`` to an argument of a model that is told to be missing, and a key missing in a value
      that a config gives a wrong type and another one completes.
    * A form that a text lacks because of a ``${…}`` in it that is wrong itself.
    * An order of stages that only the value of a key asks for that should not be there.

    Args:
        findings: Everything that the steps found.
        recipe: The declarations of the manifest.
        resolved: The values of its configs.
    """
    found = merge_unknown_names(findings)
    tagged = {_source_line(f) for f in found if f.code == "R103"}
    unread = {span_key(f.primary.span) for f in found if f.code.startswith("R1")}
    causes = {span_key(f.primary.span) for f in found if f.code.startswith(_CAUSE_FAMILIES)}
    # A reference that certainly meant another name was judged as that: its order is known.
    firm = causes - {span_key(f.primary.span) for f in found if f.fix and f.fix.certain}
    misfits = {(f.code, span_key(f.primary.span)) for f in found if f.code in _MISFIT_CODES}
    wrapped = [f.primary.span for f in found if f.code == "R602"]
    # A misspelt key of a config is read as the one that was meant, an argument is not.
    unread_keys = [f for f in found if f.code == "R502" or (f.code == "R601" and not f.fix)]
    strays = {span_key(f.primary.span) for f in unread_keys}
    absent = [f for f in found if f.code == "R503"]
    references = [f.primary.span for f in found if f.code.startswith("R3")]
    slips = {_correction_of(f) for f in found if f.code in ("R502", "R601")} - {None}
    return tuple(
        f
        for f in found
        if f.code.startswith("R1")
        or not (
            (f.code == "R603" and _source_line(f) in tagged)
            or (f.code.startswith("R6") and span_key(f.primary.span) in unread)
            or (
                f.code.startswith(_USE_FAMILIES)
                and _is_use(f, firm if f.code == "R402" else causes)
            )
            or _is_reported_where_written(f, misfits)
            or (f.code == "R503" and any(_is_nested_in(f.primary.span, span) for span in wrapped))
            or (f.code == "R301" and _is_reference_consequence(f, slips, recipe, resolved))
            or (f.code == "R301" and any(_names_absent(f, other, recipe) for other in absent))
            or (f.code == "R606" and any(_is_within(span, f.primary.span) for span in references))
            or (
                f.code == "R603" and any(_is_value_of(w, span_key(f.primary.span)) for w in wrapped)
            )
            or (f.code == "R402" and _is_required_by_unknown_key(f, strays))
        )
    )


def merge_unknown_names(findings: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Tell a name that is not declared once, with every place that says it."""
    first: dict[tuple[str, str], Diagnostic] = {}
    others: list[Diagnostic] = []
    for finding in findings:
        kind = _name_kind(finding)
        key = (kind or "", finding.primary.span.text)
        if kind is None:
            others.append(finding)
        else:
            first[key] = _with_location(first[key], finding) if key in first else finding
    return (*first.values(), *others)


def _name_kind(finding: Diagnostic) -> str | None:
    """Return what an unknown name should be the name of; of a package, what is said of it."""
    if finding.code == "R301":
        listed = _MISSING_IN_LIST.search(finding.message)
        return listed[1] if listed else None
    if finding.code == "R501" and finding.message.startswith("there is no package"):
        return finding.message
    return _UNKNOWN_NAME_CODES.get(finding.code)


def _with_location(finding: Diagnostic, again: Diagnostic) -> Diagnostic:
    told = {span_key(label.span) for label in (finding.primary, *finding.related)}
    if span_key(again.primary.span) in told:  # read twice, as by a config that extends another
        return finding
    labels = (*finding.related, Label(again.primary.span, "named here too"))
    fix = finding.fix
    if fix and again.fix:
        fix = replace(fix, edits=(*fix.edits, *again.fix.edits))
    return replace(finding, related=labels, fix=fix)


def _source_line(finding: Diagnostic) -> tuple[Source, int]:
    span = finding.primary.span
    return span.source, span.source.line_column(span.start)[0]


def _is_use(finding: Diagnostic, causes: set[SpanKey]) -> bool:
    places = {span_key(label.span) for label in (finding.primary, *finding.related)}
    return not causes.isdisjoint(places)


def _is_reported_where_written(finding: Diagnostic, misfits: set[tuple[str, SpanKey]]) -> bool:
    """Return whether a value was found wrong where it is written, and this is where it is used."""
    return any((finding.code, span_key(label.span)) in misfits for label in finding.related)


def _names_absent(finding: Diagnostic, missing: Diagnostic, recipe: Recipe) -> bool:
    """Return whether a reference names the very argument that a model is told to lack."""
    if finding.primary.span.text not in _QUOTED_NAME.findall(missing.message):
        return False
    model = _OF_MODEL.search(finding.message)
    nodes = [other.node.span for other in recipe.models if model and other.name.value == model[1]]
    return any(_is_within(missing.primary.span, node) for node in nodes)


def _is_within(span: Span, outer: Span) -> bool:
    return span.source is outer.source and outer.start <= span.start and span.end <= outer.end


def _is_required_by_unknown_key(finding: Diagnostic, strays: set[SpanKey]) -> bool:
    """Return whether all places that ask for an order are values of keys that nothing knows."""
    asked = [label.span for label in finding.related if label.text.endswith(" here")]
    return bool(asked) and all(any(_is_value_of(span, stray) for stray in strays) for span in asked)


def _is_value_of(span: Span, key: SpanKey) -> bool:
    source, _, end = key
    if span.source is not source or span.start < end:
        return False
    return source.text[end : span.start].strip(" \"'") == ":"


def _is_nested_in(span: Span, outer: Span) -> bool:
    return span.source is outer.source and outer.start < span.start and span.end <= outer.end


def _correction_of(finding: Diagnostic) -> tuple[str, str] | None:
    """Return what is written and what was meant."""
    if finding.fix is None or len(finding.fix.edits) != 1:
        return None
    edit = finding.fix.edits[0]
    return edit.span.text, edit.text


def _is_reference_consequence(
    finding: Diagnostic,
    slips: set[tuple[str, str] | None],
    recipe: Recipe,
    resolved: Resolved,
) -> bool:
    """Return whether a reference is right and what it names is not legible."""
    said = _correction_of(finding)
    if said:
        return said[::-1] in slips
    if "${matrix." in finding.message:  # a row is read whole, or nothing is said of it
        return False
    config = _CONFIG_NAME.search(finding.message)
    return not recipe.complete or bool(config and not resolved.is_certain(config[1]))
