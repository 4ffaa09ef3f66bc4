"""What to say about the arguments of a target."""

import math
from collections.abc import Iterator

from espnet3_compiler.checks.targets.case import TargetCall
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Edit, Fix, Label
from espnet3_compiler.diagnostics.source import Span
from espnet3_compiler.diagnostics.suggest import closest_match, is_certain_match
from espnet3_compiler.schema.hints import (
    FALSE_WORDS,
    NULL_WORDS,
    TRUE_WORDS,
    ValueHint,
    quoted_like,
)
from espnet3_compiler.schema.types import describe_value
from espnet3_compiler.signature import types
from espnet3_compiler.signature.annotation import parameter_type
from espnet3_compiler.signature.literal import fits_type, innermost_mismatch
from espnet3_compiler.signature.result import DefinitionLocation, Parameter
from espnet3_compiler.signature.types import Type, format_type
from espnet3_compiler.syntax.core_schema import core_value
from espnet3_compiler.syntax.provenance import is_fixable, provenance_labels, use_location
from espnet3_compiler.syntax.tree import Entry, Mapping, Node, Scalar, Sequence
from espnet3_compiler.syntax.unknown_name import did_you_mean, format_names


def suggest_value(wanted: Type, value: Node) -> ValueHint:
    """Return advice on a value that does not fit a type."""
    if not isinstance(value, Scalar):
        return ValueHint()
    words = list(_literal_words(wanted))
    if isinstance(value.value, str) and (near := closest_match(value.value, words)):
        sure = is_certain_match(value.value, words)
        return ValueHint((f'did you mean "{near}"?',), quoted_like(value, near), sure)
    for text, meant, advised in _other_spellings(value):
        if fits_type(wanted, Scalar(meant, value.span)):
            return ValueHint((advised,), text, certain=True)
    return ValueHint()


def _literal_words(wanted: Type) -> Iterator[str]:
    """Yield the texts of ``Literal["a", "b"]``."""
    for item in wanted.options if isinstance(wanted, types.UnionType) else (wanted,):
        if isinstance(item, types.LiteralType):
            yield from (word for word in item.values if isinstance(word, str))


def _other_spellings(value: Scalar) -> Iterator[tuple[str, str | float | bool | None, str]]:
    """Yield other spellings as YAML, their values, and the words that advise them."""
    found = value.value
    if isinstance(found, str):
        word = found.strip().casefold()
        if word in TRUE_WORDS + FALSE_WORDS:
            text = "true" if word in TRUE_WORDS else "false"
            yield text, word in TRUE_WORDS, f"write {text}"
        if word in NULL_WORDS:
            yield "null", None, "write null"
        number = core_value(found.strip())
        if isinstance(number, int | float) and not isinstance(number, bool):
            yield found.strip(), number, "write it without quotes"
    elif isinstance(found, float) and math.isfinite(found) and found.is_integer():
        yield str(int(found)), int(found), f"write {int(found)}"
    if isinstance(found, int | float) and value.span.text.strip():
        yield f'"{value.span.text}"', value.span.text, "put it in quotes to make it text"


_MAX_LENGTH = 60


def unknown_argument(
    case: TargetCall, entry: Entry, near: str | None, free: tuple[str, ...]
) -> Diagnostic:
    """R502: the target has no such argument.

    Args:
        case: The call that is checked.
        entry: The argument as it is written.
        near: The parameter that it probably means, or None.
        free: Parameters that the call does not give yet.
    """
    names = [item for item in case.signature.names if item not in case.slot.supplied]
    listing = ", ".join(names)
    label = f"not in ({listing})" if len(listing) <= _MAX_LENGTH else "no such argument"
    by_place = any(item.name == entry.name for item in case.signature.places)
    return Diagnostic(
        "R502",
        f'{case.signature.name} has no argument "{entry.name}"',
        Label(
            use_location(entry.key),
            ("taken by place only" if by_place else label)
            if names or by_place
            else "it takes no arguments",
        ),
        related=provenance_labels(entry.key),
        help=did_you_mean(near),
        notes=_definition_note(case.signature.origin),
        fix=rename_fix(
            entry, near, certain=near is not None and is_certain_match(entry.name, free)
        ),
    )


def missing_arguments(case: TargetCall, names: list[str]) -> Diagnostic:
    """R503: required arguments are not given; a function may be meant to get them when called."""
    words = "arguments" if len(names) > 1 else "argument"
    quoted = ", ".join(f'"{name}"' for name in names)
    return Diagnostic(
        "R503",
        f"{case.signature.name} needs the {words} {quoted}",
        Label(_head_span(case), f"{format_names(names)} not given"),
        related=provenance_labels(case.head.value),
        help=_partial_help(case, names),
        notes=_definition_note(case.signature.origin),
    )


def _partial_help(case: TargetCall, names: list[str]) -> tuple[str, ...]:
    """Return the advice for a function that stands where what is built is called later."""
    if not case.slot.called or case.node.entry("_partial_"):
        return ()
    verb = "come" if len(names) > 1 else "comes"
    return (
        f"if {format_names(names)} {verb} with each call, write _partial_: true beside _target_",
    )


def wrong_type(case: TargetCall, parameter: Parameter, value: Node, name: str) -> Diagnostic:
    """R504: a literal does not fit the annotation.

    Args:
        case: The call that is checked.
        parameter: The parameter with its annotation.
        value: The argument, a literal.
        name: What the message calls the argument.
    """
    wanted, value, path = innermost_mismatch(parameter_type(case.library, parameter), value)
    expected = format_type(wanted)
    expected = expected if len(expected) <= _MAX_LENGTH else expected[: _MAX_LENGTH - 1] + "…"
    found = suggest_value(wanted, value)
    return Diagnostic(
        "R504",
        f'"{name}{path}" of {case.signature.name} must be {expected}, not {describe_value(value)}',
        Label(_value_span(value), f"expected {expected}"),
        related=provenance_labels(value),
        help=found.help,
        notes=_definition_note(parameter.origin),
        fix=_replacement_fix(value, found.text, certain=found.certain),
    )


def duplicate_argument(case: TargetCall, entry: Entry, index: int) -> Diagnostic:
    """R506: an argument is given by place and by name.

    Args:
        case: The call that is checked.
        entry: The argument that is given by name.
        index: Where the same argument stands in ``_args_``, from 0.
    """
    if case.slot.positional:
        return supplied_argument(case, entry)
    return Diagnostic(
        "R506",
        f'"{entry.name}" of {case.signature.name} is given by place and by name',
        Label(use_location(entry.key), "given again here"),
        related=(
            Label(_value_span(case.items[index]), "given by place here"),
            *provenance_labels(entry.key),
        ),
        notes=_definition_note(case.signature.origin),
    )


def supplied_argument(case: TargetCall, entry: Entry) -> Diagnostic:
    """R506: the runtime passes an argument itself."""
    return Diagnostic(
        "R506",
        f'{case.giver} passes "{entry.name}" to {case.signature.name} itself',
        Label(use_location(entry.key), "given twice"),
        related=provenance_labels(entry.key),
        help=("remove it",),
    )


def replaced_positional(case: TargetCall) -> Diagnostic:
    """R506: the runtime passes arguments by place, so that ``_args_`` never arrive."""
    entry = case.node.entry("_args_")
    assert entry is not None
    return Diagnostic(
        "R506",
        f"the runtime passes the arguments of {case.signature.name} by place itself",
        Label(use_location(entry.key), "these are not passed"),
        related=provenance_labels(entry.key),
        help=("give the others by name",),
    )


def too_many_positional(case: TargetCall, room: int) -> Diagnostic:
    """R502: more arguments by place than the target takes."""
    takes = f"at most {room}" if room else "no"
    words = "argument" if room == 1 else "arguments"
    return Diagnostic(
        "R502",
        f"{case.signature.name} takes {takes} {words} by place, not {len(case.items)}",
        Label(_value_span(case.items[room]), "one too many"),
        related=provenance_labels(case.items[room]),
        notes=_definition_note(case.signature.origin),
    )


def refuses_positional(case: TargetCall) -> Diagnostic:
    """R502: the runtime passes more arguments by place than the target takes."""
    count = case.slot.positional
    words = "argument" if count == 1 else "arguments"
    return Diagnostic(
        "R502",
        f"{case.signature.name} cannot be used here: the runtime passes {count} {words} by place",
        Label(_head_span(case), f"takes {len(case.signature.places)} by place"),
        related=provenance_labels(case.head.value),
        notes=_definition_note(case.signature.origin),
    )


def refuses_supplied(case: TargetCall, name: str) -> Diagnostic:
    """R502: the target does not take what the runtime passes."""
    return Diagnostic(
        "R502",
        f'{case.signature.name} cannot be used here: it has no argument "{name}"',
        Label(_head_span(case), f'{case.giver} passes "{name}"'),
        related=provenance_labels(case.head.value),
        notes=_definition_note(case.signature.origin),
    )


def _definition_note(origin: DefinitionLocation) -> tuple[str, ...]:
    return (f"defined at {origin}",)


def _head_span(case: TargetCall) -> Span:
    """Return the place of the target's name; of the first written key where that is a default."""
    place = use_location(case.head.value)
    if place.source.kind != "schema":
        return place
    keys = [item.key.span for item in case.node if item.key.span.source.kind != "schema"]
    return keys[0] if keys else place


def _value_span(value: Node) -> Span:
    place = use_location(value)
    if isinstance(value, Mapping | Sequence) and "\n" in place.text:
        first = value.entries[0].key if isinstance(value, Mapping) and value.entries else None
        return first.span if first else place
    return place


def rename_fix(entry: Entry, near: str | None, *, certain: bool) -> Fix | None:
    """Return the fix that gives a key another name, where the key is in a file.

    Args:
        entry: The key with its value.
        near: The name that it gets; None makes no fix.
        certain: Whether ``--fix`` may write it without a question.
    """
    if near is None or not is_fixable(entry.key):
        return None
    edit = Edit(entry.key.span, quoted_like(entry.key, near))
    return Fix(f'write "{near}"', (edit,), certain=certain)


def _replacement_fix(value: Node, text: str | None, *, certain: bool) -> Fix | None:
    if text is None or not is_fixable(value):
        return None
    return Fix(f"write {text}", (Edit(value.span, text),), certain=certain)
