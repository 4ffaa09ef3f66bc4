"""Leave out findings that only follow from others: one mistake gives one finding."""

import re
from collections.abc import Iterable, Iterator

from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.diagnostics.source import Source, Span
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.merge_findings import correction_of, merge_findings, merge_left
from espnet3_compiler.syntax.span_key import SpanKey, span_key

_CAUSE_FAMILIES = ("R1", "R3", "R6")
"""Families of values that are wrong where they are written."""

_USE_FAMILIES = ("R4", "R5", "R7")
"""Families of values that are wrong where they are used."""

_MISFIT_CODES = ("R504", "R602", "R604", "R605")
"""Codes of values of a wrong type or size."""

_CAUSES_AT_PLACE = {
    "R213": _MISFIT_CODES,
    "R440": ["R415"],
    "R513": ["R413"],
    "R809": ["R605"],
    "R818": ["R407"],
}
"""Codes of findings that another one at the same place explains, and the codes of that one."""

_CAUSES_IN_LABELS = {"R410": "R422", "R816": "R814"}
"""Codes of findings that show the place of another one which explains them, and its code."""

_LITERAL_TEXTS = ("R210", "R706", "R707")
"""Codes of texts that do not say what they were meant to say."""

_WRONG_READS = (
    *("R203", "R204", "R205", "R210", "R3", "R403", "R404", "R409", "R411", "R416", "R417", "R432"),
    "R434",
)
"""Codes of references that are wrong, of which one may be meant for what nothing reads."""

_QUOTED_NAME = r'"(\w+)"'
_QUOTED = r'"([^"]+)"'
_WHOLE_MODEL = r'its features are the whole model "(\w+)"'
_OF_MODEL = r"\$\{models\.(\w+)\."
_CONFIG_NAME = r"\bconfigs\.(\w+)"


def without_consequences(
    findings: Iterable[Diagnostic], recipe: Recipe, resolved: Resolved
) -> tuple[Diagnostic, ...]:
    """Leave out findings that another one explains.

    * A tag may have been meant to be a value on its line that is missing, or of a wrong type.
    * A value that is wrong where it is written is wrong wherever it is fetched.
    * A ``${…}`` that names nothing because the key that it names is misspelt where it is declared,
      or is in a part that could not be read.
    * A ``${…}`` to an argument of a model that is reported as missing, and a key that is missing
      in a value of a wrong type.
    * A number as a key in a mapping where none can stand.
    * A text of a wrong form because of a ``${…}`` in it that is wrong itself.
    * An order of stages that only the value of an unknown key requires, an unknown output, or
      weights or tokens of another stage than is meant.
    * A name that an installed module does not have, as a module of the recipe hides it, and a
      bundle that lacks that module.
    * A config that is left over, as a stage was probably meant to read it.
    * A mapping that is no object, as its ``_target_`` is reported to be misspelt.
    * A declaration that only a stage would use which is named and not declared.
    * A value of a matrix whose name no reference could hold, or that a wrong reference may name.
    * An argument of ``forward`` whose field a config names, too, and the data do not have.
    * An output that a call is not given, as the reference to itself was meant to give it.
    * A config that is left over, as the stage that would read it was taken out.
    * A word of Python that is reported as a value of a wrong type.
    * The second item of a criterion that has ESPnet2's form.
    * The package of a callback that is refused.
    * The settings of a type of batches that is not allowed where it stands.
    * An output that a call is not given, as it is the path of another stage by mistake.
    * A training that nothing reads, as a wrong reference may be meant for it, or without a model.
    * Test sets of the same data, as one has the name of another; stages that do the same, as an
      unknown key of one may be what sets it apart.
    * A call of the base's method in a method that is reported to take too few arguments itself.
    * ``NAME_conf`` of ESPnet2, where the value of ``NAME`` is reported.
    * A model that gives no features, as it is one by mistake where its front end was meant.
    * A name that a class uses and nothing defines, as an argument of that name is reported unknown.
    * A text that a model needs as tokens, as its tokenizer is reported to encode another field.
    * An output that a metric reads, as the outputs are named wrongly; a rate beside a wrong one.

    Args:
        findings: The findings of all steps.
        recipe: The declarations of the manifest.
        resolved: The values of its configs.
    """
    found = merge_findings(findings)
    tagged = {_source_line(f) for f in found if f.code == "R103"}
    unread = {span_key(f.primary.span) for f in found if f.code.startswith("R1")}
    causes = {span_key(f.primary.span) for f in found if f.code.startswith(_CAUSE_FAMILIES)}
    # A reference that certainly means another name was checked as that name: its order is known.
    unfixed = causes - {span_key(f.primary.span) for f in found if f.fix and f.fix.certain}
    places = {(f.code, span_key(f.primary.span)) for f in found}
    literal = [f.primary.span for f in found if f.code in _LITERAL_TEXTS]
    mistyped = [f.primary.span for f in found if f.code == "R602"]
    # A misspelt key of a config is read as the right one, a misspelt argument is not.
    ignored = [f for f in found if f.code == "R502" or (f.code == "R601" and not f.fix)]
    ignored_keys = {span_key(f.primary.span) for f in ignored}
    absent = [f for f in found if f.code == "R503"]
    references = [f.primary.span for f in found if f.code.startswith("R3")]
    hidden = [re.findall(_QUOTED, f.message)[-1] for f in found if f.code == "R209"]
    renamed = [f.primary.span for f in found if f.code == "R601" and f.fix]
    corrections = {correction_of(f) for f in found if f.code in ("R502", "R601")} - {None}

    undeclared = {f.primary.span.text for f in found if f.code == "R205" and f.fix is None}
    meant = " ".join(text for f in found if f.code == "R432" for text in f.help)

    misnamed = [f for f in found if f.code == "R202" and "of a matrix" in f.message]
    unusable = [f"${{matrix.{re.findall(_QUOTED, f.message)[0]}}}" for f in misnamed]
    wrong_keys = [span_key(f.primary.span) for f in found if f.code == "R601"]
    wrong_stage_keys = [f.primary.span for f in found if f.message.startswith('"stages[')]
    twice = {name for f in found if f.code == "R201" for name in re.findall(_QUOTED, f.message)}
    unmade = [f.primary.span for f in found if f.code == "R404"]
    of_others = [f.primary.span for f in found if f.code in ("R417", "R434")]
    phases = [f.primary.span for f in found if f.code == "R412" and "ESPnet2" in f.message]
    unfit = [f.primary.span for f in found if f.code == "R429"]
    supers = {(span.source, span.text.replace("def ", "super().")) for span in unfit}
    misread = any(f.code.startswith(_WRONG_READS) for f in found)
    unknown_fields = {f.primary.span.text for f in found if f.code == "R422"}
    unknown = {pair for f in found if f.code == "R502" for pair in _unknown_arguments(f)}

    def is_consequence(f: Diagnostic) -> bool:
        span, code = f.primary.span, f.code
        related = {span_key(label.span) for label in f.related}
        wrong_values = unfixed if code == "R402" else causes
        return (
            (code in ("R504", "R603") and _source_line(f) in tagged)
            or (code.startswith("R6") and span_key(span) in unread)
            or (
                code.startswith(_USE_FAMILIES)
                and not wrong_values.isdisjoint({span_key(span), *related})
            )
            or any((one, span_key(span)) in places for one in _CAUSES_AT_PLACE.get(code, ()))
            or any((_CAUSES_IN_LABELS.get(code, ""), key) in places for key in related)
            or (code in _MISFIT_CODES and any((code, key) in places for key in related))
            or (code in ("R602", "R603") and any(("R504", key) in places for key in related))
            or (code == "R503" and any(o.start < span.start and span.lies_in(o) for o in mistyped))
            or (code == "R301" and _is_reference_consequence(f, corrections, recipe, resolved))
            or (code == "R301" and any(_names_absent(f, other, recipe) for other in absent))
            or (code == "R301" and span.text in unusable)
            or (code == "R212" and bool(references))
            or (code == "R606" and any(other.lies_in(span) for other in references))
            or (code == "R602" and any(_is_value_of(span, key) for key in wrong_keys))
            or (code == "R603" and any(_is_value_of(o, span_key(span)) for o in mistyped))
            or (code in ("R402", "R403") and any(_is_needed_at(f, other) for other in unmade))
            or (code == "R402" and _is_required_by_ignored_key(f, ignored_keys))
            or (code == "R402" and any(_is_needed_at(f, other) for other in of_others))
            or (code == "R207" and f'"{span.text}"' in meant)
            or (code == "R211" and span_key(span) in causes)
            or (
                code.startswith((*_USE_FAMILIES, "R6"))
                and code not in _LITERAL_TEXTS
                and any(other.lies_in(span) or span.lies_in(other) for other in literal)
            )
            or (code in ("R202", "R420", "R501", "R508") and _is_about_hidden(f, hidden))
            or (code == "R504" and any(key.lies_in(span) for key in renamed))
            or (code in ("R207", "R804") and bool(undeclared))
            or (code == "R424" and "collect_stats" in undeclared)
            or (code == "R431" and _needs_one_of(f, unknown_fields))
            or (code == "R431" and any(_leaves_a_text(other, f) for other in found))
            or (code == "R429" and any(f" gives it {name}" in f.message for name in unknown_fields))
            or (code == "R513" and any(_is_own_output(other, f) for other in found))
            or (code == "R428" and any(_makes_features_of(other, f, recipe) for other in found))
            or (code == "R207" and any(_reads_kind(f, other, resolved) for other in found))
            or (code == "R602" and any(_follows_item(span, other) for other in phases))
            or (code == "R818" and misread)
            or (code == "R812" and not twice.isdisjoint(re.findall(_QUOTED, f.message)))
            or (code == "R432" and _has_key_among(f, wrong_stage_keys, recipe))
            or (code == "R522" and any(_is_unknown_argument(f, *pair) for pair in unknown))
            or (code in ("R502", "R503") and (span.source, span.text) in supers)
            or (code == "R601" and not f.fix and any(_is_of_type(f, other) for other in found))
            or (code == "R601" and any(_has_conf(other, f) for other in found))
        )

    def is_inside_misfit(f: Diagnostic) -> bool:
        span = f.primary.span
        return f.code == "R106" and any(
            span.lies_in(other) or _follows_key(span, other) for other in mistyped
        )

    return merge_left(f for f in found if not is_inside_misfit(f) and not is_consequence(f))


def _unknown_arguments(finding: Diagnostic) -> Iterator[tuple[str, str]]:
    """Yield an argument that is unknown, and the file of the class that does not have it."""
    names = re.findall(_QUOTED, finding.message)
    for note in finding.notes:
        if names and note.startswith("defined at "):
            yield names[-1], note.removeprefix("defined at ").rpartition(":")[0]


def _is_unknown_argument(finding: Diagnostic, name: str, file: str) -> bool:
    """Return whether a name that nothing defines is an argument that its class does not have."""
    defined_there = finding.primary.span.source.name.endswith(file)
    return re.findall(_QUOTED, finding.message)[0] == name and defined_there


def _is_of_type(finding: Diagnostic, other: Diagnostic) -> bool:
    """Return whether the type of a block, beside which a key is unknown, is not allowed itself."""
    block, *_ = re.findall(_QUOTED, finding.message) or [""]
    return other.code == "R604" and other.message.startswith(f'"{block}.type" ')


def _is_about_hidden(finding: Diagnostic, hidden: Iterable[str]) -> bool:
    """Return whether a finding is about a module that a module of the recipe hides."""
    if finding.code == "R420":
        return any(f" lack {name}.py, " in finding.message for name in hidden)
    return finding.message.startswith(tuple(f'"{name}{end}' for name in hidden for end in '".'))


def _needs_one_of(finding: Diagnostic, fields: set[str]) -> bool:
    """Return whether a ``forward`` needs a field that is reported as unknown, or its lengths."""
    quoted = re.findall(_QUOTED, finding.message)
    return any(name.removesuffix("_lengths") in fields for name in quoted)


def _leaves_a_text(other: Diagnostic, finding: Diagnostic) -> bool:
    """Return whether a field stays a text as its tokenizer encodes another one."""
    quoted = re.findall(_QUOTED, other.message) if other.code == "R434" else []
    texts = "texts stay out of a batch" in finding.message and "it encodes only" in other.message
    return texts and bool(set(quoted[1:2]) & set(re.findall(_QUOTED, finding.message)))


def _is_own_output(other: Diagnostic, finding: Diagnostic) -> bool:
    """Return whether a stage refers to the output that another finding calls not given."""
    names = re.findall(_QUOTED, finding.message)
    own = other.code == "R403" and other.message.endswith("its own output")
    return own and any(other.primary.span.text.endswith(f".{name}}}") for name in names)


def _makes_features_of(other: Diagnostic, finding: Diagnostic, recipe: Recipe) -> bool:
    """Return whether a finding calls the whole model features, of whose result another one is."""
    whole = re.search(_WHOLE_MODEL, other.message) if other.code == "R403" else None
    nodes = [one.node.span for one in recipe.models if whole and one.name.value == whole[1]]
    used = [label.span for label in finding.related]
    features = "must return features" in finding.message
    return features and any(span.lies_in(node) for span in used for node in nodes)


def _has_conf(other: Diagnostic, finding: Diagnostic) -> bool:
    """Return whether a finding is about ``NAME``, another one about ``NAME_conf`` beside it."""
    span, place = finding.primary.span, other.primary.span
    conf = other.code == "R602" and other.message.startswith(f'"{span.text.removesuffix("_conf")}"')
    return conf and span.text.endswith("_conf") and span.source == place.source


def _reads_kind(finding: Diagnostic, other: Diagnostic, resolved: Resolved) -> bool:
    """Return whether a config has settings for a stage kind that is reported as absent."""
    kind = other.message.rpartition(" no stage runs ")[2] if other.code == "R411" else ""
    config = resolved.configs.get(re.findall(_QUOTED, finding.message)[-1]) if kind else None
    return config is not None and config.entry(kind) is not None


def _has_key_among(finding: Diagnostic, keys: Iterable[Span], recipe: Recipe) -> bool:
    """Return whether one of the stages of a finding has one of some keys."""
    names = re.findall(_QUOTED, finding.message)
    nodes = [stage.node.span for stage in recipe.stages if str(stage.name.value) in names]
    return any(key.lies_in(node) for key in keys for node in nodes)


def _source_line(finding: Diagnostic) -> tuple[Source, int]:
    span = finding.primary.span
    return span.source, span.source.line_column(span.start)[0]


def _names_absent(finding: Diagnostic, missing: Diagnostic, recipe: Recipe) -> bool:
    """Return whether a reference names the argument that is reported as missing in a model."""
    if finding.primary.span.text not in re.findall(_QUOTED_NAME, missing.message):
        return False
    model = re.search(_OF_MODEL, finding.message)
    nodes = [other.node.span for other in recipe.models if model and other.name.value == model[1]]
    return any(missing.primary.span.lies_in(node) for node in nodes)


def _is_needed_at(finding: Diagnostic, span: Span) -> bool:
    """Return whether an order is required by the reference in which a span lies."""
    labels = (finding.primary, *finding.related)
    return any(span.lies_in(label.span) for label in labels)


def _is_required_by_ignored_key(finding: Diagnostic, keys: set[SpanKey]) -> bool:
    """Return whether all locations that require an order are values of unknown keys."""
    spans = [label.span for label in finding.related if label.text.endswith(" here")]
    return bool(spans) and all(any(_is_value_of(span, key) for key in keys) for span in spans)


def _is_value_of(span: Span, key: SpanKey) -> bool:
    source, _, end = key
    if span.source is not source or span.start < end:
        return False
    return source.text[end : span.start].strip(" \"'") == ":"


def _follows_item(span: Span, item: Span) -> bool:
    """Return whether a value is the next one of a list."""
    between = item.source.text[item.end : span.start] if span.source is item.source else ""
    return between.strip() in (",", "-")


def _follows_key(span: Span, key: Span) -> bool:
    """Return whether a key is the first one of a block under another key."""
    between = key.source.text[key.end : span.start] if span.source is key.source else ""
    return between.split() == [":"]


def _is_reference_consequence(
    finding: Diagnostic,
    corrections: set[tuple[str, str] | None],
    recipe: Recipe,
    resolved: Resolved,
) -> bool:
    """Return whether a reference is right and the key that it names could not be read."""
    correction = correction_of(finding)
    if correction:
        return correction[::-1] in corrections
    if "${matrix." in finding.message:  # a row is read completely or not at all
        return False
    config = re.search(_CONFIG_NAME, finding.message)
    return not recipe.complete or bool(config and not resolved.is_certain(config[1]))
