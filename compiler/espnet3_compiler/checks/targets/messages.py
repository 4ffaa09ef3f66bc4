"""The findings about the arguments of a target."""

import math
from collections.abc import Iterator

from msgspec.structs import replace

from espnet3_compiler.checks.findings import name_fix, value_finding
from espnet3_compiler.checks.targets.target_call import TargetCall
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Edit, Fix, Label
from espnet3_compiler.diagnostics.source import Span
from espnet3_compiler.diagnostics.suggest import closest_match, is_certain_match
from espnet3_compiler.schema.hints import (
    FALSE_WORDS,
    NULL_WORDS,
    TRUE_WORDS,
    ValueHint,
    number_readings,
    python_tuple,
    quoted_like,
)
from espnet3_compiler.schema.types import describe_value
from espnet3_compiler.signature import types
from espnet3_compiler.signature.annotation import parameter_type
from espnet3_compiler.signature.literal import fits_type, innermost_mismatch
from espnet3_compiler.signature.result import Parameter
from espnet3_compiler.signature.types import Type, format_type
from espnet3_compiler.syntax.core_schema import core_value
from espnet3_compiler.syntax.provenance import is_fixable, provenance_labels, use_location
from espnet3_compiler.syntax.tree import Entry, Mapping, Node, Scalar, Sequence
from espnet3_compiler.syntax.unknown_name import did_you_mean, format_names

_MAX_LENGTH = 60
_MAX_FREE = 6
_ARGUMENT_BLOCKS = ("args", "kwargs", "_kwargs_", "init_args", "params", "arguments", "options")


def _suggest_value(wanted: Type, value: Node) -> ValueHint:
    """Return advice on a value that does not fit a type."""
    if not isinstance(value, Scalar):
        return ValueHint()
    if value.value is None:
        return ValueHint(("write a value, or leave the argument out",))
    options = wanted.options if isinstance(wanted, types.UnionType) else (wanted,)
    literals = [item for item in options if isinstance(item, types.LiteralType)]
    words = [word for item in literals for word in item.values if isinstance(word, str)]
    if isinstance(value.value, str) and (near := closest_match(value.value, words)):
        certain = is_certain_match(value.value, words)
        return ValueHint(did_you_mean(near), quoted_like(value, near), certain)
    if inside := python_tuple(value):
        return ValueHint((f"a list stands in brackets: {inside}",), inside)
    for text, meant, advised in _other_spellings(value):
        if fits_type(wanted, Scalar(meant, value.span)):
            return ValueHint((advised,), text, certain=True)
    return _list_or_quotes(wanted, value)


def _list_or_quotes(wanted: Type, value: Scalar) -> ValueHint:
    """Return advice on a value that a list may hold, or a number that may be meant as text."""
    text = value.span.text
    if value.value is None or not text.strip() or "\n" in text:
        return ValueHint()
    for count in (1, 2, 3):
        if fits_type(wanted, Sequence((value,) * count, value.span)):
            items = f"[{', '.join([text] * count)}]"
            certain = count == 1 and not isinstance(value.value, str)
            return ValueHint((f"write it as a list: {items}",), items, certain)
    if isinstance(value.value, int | float) and fits_type(wanted, Scalar(text, value.span)):
        return ValueHint(("put it in quotes to make it text",), f'"{text}"')
    return ValueHint()


def _other_spellings(value: Scalar) -> Iterator[tuple[str, str | float | bool | None, str]]:
    """Yield other spellings as YAML, the value of each, and the advice to write it."""
    found = value.value
    if isinstance(found, str):
        word = found.strip().casefold()
        if word in TRUE_WORDS + FALSE_WORDS:
            text = "true" if word in TRUE_WORDS else "false"
            yield text, word in TRUE_WORDS, f"write {text}"
        if word in NULL_WORDS:
            yield "null", None, "write null"
        for text, reason, certain in number_readings(found, quoted=value.style != "plain"):
            number = core_value(text)
            if certain and isinstance(number, int | float):
                yield text, number, f"{reason}; write {text}"
    elif isinstance(found, float) and math.isfinite(found) and found.is_integer():
        yield str(int(found)), int(found), f"write {int(found)}"


def unknown_argument(
    call: TargetCall, entry: Entry, near: str | None, free: list[str]
) -> Diagnostic:
    """R502: the target has no such argument.

    Args:
        call: The call that is checked.
        entry: The argument as it is written.
        near: The parameter that it probably means, or None.
        free: Parameters that the call does not give yet.
    """
    names = [item for item in call.signature.keywords if item not in call.slot.supplied]
    listing = ", ".join(names)
    short = len(listing) <= _MAX_LENGTH
    label = f"not in ({listing})" if short else "no such argument"
    advice = did_you_mean(near)
    if any(item.name == entry.name for item in call.signature.positional):
        label = "taken by position only"
        written = entry.value.span.text
        advice = (f"write it by its place: _args_: [{written if written.isprintable() else '…'}]",)
    elif not names:
        label = "it takes no arguments"
    elif near is None and not short and 0 < len(free) <= _MAX_FREE:
        advice = (f"its arguments that are not given are {format_names(free)}",)
    block = near is None and entry.name in _ARGUMENT_BLOCKS and isinstance(entry.value, Mapping)
    beside = ("write its keys beside _target_",) if block else ()
    return value_finding(
        "R502",
        f'{call.signature.name} has no argument "{entry.name}"',
        entry.key,
        label,
        advice=(*advice, *beside),
        notes=(f"defined at {call.signature.origin}",),
        fix=name_fix(entry.key, near, free),
    )


def dropped_argument(call: TargetCall, entry: Entry, near: str, free: list[str]) -> Diagnostic:
    """R512: the target takes an argument by ``**kwargs`` and never looks at it.

    Args:
        call: The call that is checked.
        entry: The argument as it is written.
        near: The parameter that it probably means.
        free: Parameters that the call does not give yet.
    """
    return value_finding(
        "R512",
        f'{call.signature.name} takes "{entry.name}" by its **kwargs and never looks at it',
        entry.key,
        "no effect",
        advice=did_you_mean(near),
        notes=(f"defined at {call.signature.origin}",),
        fix=name_fix(entry.key, near, free, sure=False),
    )


def missing_arguments(call: TargetCall, names: list[str]) -> Diagnostic:
    """R503: required arguments are not given; a function may be meant to get them when called."""
    words = "arguments" if len(names) > 1 else "argument"
    quoted = ", ".join(f'"{name}"' for name in names)
    message = f"{call.signature.name} needs the {words} {quoted}"
    listing = format_names(names)
    advice: tuple[str, ...] = ()
    if call.slot.called and not call.node.entry("_partial_"):
        verb = "come" if len(names) > 1 else "comes"
        advice = (f"if {listing} {verb} with each call, write _partial_: true beside _target_",)
    return _head_finding("R503", message, call, f"{listing} not given", advice)


def wrong_type(call: TargetCall, parameter: Parameter, value: Node, name: str) -> Diagnostic:
    """R504: a literal does not fit the annotation.

    Args:
        call: The call that is checked.
        parameter: The parameter with its annotation.
        value: The argument, a literal.
        name: The name of the argument in the message.
    """
    from espnet3_compiler.checks.targets.objects import object_advice  # few recipes need it

    wanted, value, path = innermost_mismatch(parameter_type(call.library, parameter), value)
    expected = format_type(wanted)
    expected = expected if len(expected) <= _MAX_LENGTH else expected[: _MAX_LENGTH - 1] + "…"
    hint = _suggest_value(wanted, value)
    fix = None
    if hint.text is not None and is_fixable(value):
        fix = Fix(f"write {hint.text}", (Edit(value.span, hint.text),), certain=hint.certain)
    return Diagnostic(
        "R504",
        f'"{name}{path}" of {call.signature.name} must be {expected}, not {describe_value(value)}',
        Label(_argument_span(call, value), f"expected {expected}"),
        related=provenance_labels(value),
        help=hint.help or object_advice(call, wanted, parameter.name, value),
        notes=(f"defined at {parameter.origin}",),
        fix=fix,
    )


def duplicate_argument(
    call: TargetCall, entry: Entry, index: int, displaced: list[str]
) -> Diagnostic:
    """R506: an argument is given by position and by name.

    Args:
        call: The call that is checked.
        entry: The argument that is given by name.
        index: The position of the same argument in ``_args_``, from 0.
        displaced: Parameters that get nothing, as the runtime passes its arguments before them.
    """
    if displaced:
        return displaced_argument(call, entry, displaced)
    if call.slot.positional:
        return supplied_argument(call, entry)
    return value_finding(
        "R506",
        f'"{entry.name}" of {call.signature.name} is given by position and by name',
        entry.key,
        "given again here",
        related=(Label(_value_span(call.items[index]), "given by position here"),),
        notes=(f"defined at {call.signature.origin}",),
    )


def supplied_argument(call: TargetCall, entry: Entry) -> Diagnostic:
    """R506: the runtime passes an argument itself."""
    message = f'{call.caller} passes "{entry.name}" to {call.signature.name} itself'
    return value_finding("R506", message, entry.key, "given twice", advice=("remove it",))


def displaced_argument(call: TargetCall, entry: Entry, missing: list[str]) -> Diagnostic:
    """R506: the runtime passes an argument by position, and one that it may mean is not given.

    Args:
        call: The call that is checked.
        entry: The argument that is given by name too.
        missing: What the target needs and is not given.
    """
    names = format_names(missing)
    listed = ", ".join(f'"{name}"' for name in missing)
    first = f'{call.caller} passes "{entry.name}" to {call.signature.name} itself, by position'
    return value_finding(
        "R506",
        f"{first}, and {listed} {'are' if len(missing) > 1 else 'is'} not given",
        entry.key,
        "given twice",
        advice=(
            f"put {names} before {entry.name} if that is what {call.caller} passes",
            f"otherwise give {names} in place of {entry.name}",
        ),
        notes=(f"defined at {call.signature.origin}",),
    )


def replaced_positional(call: TargetCall) -> Diagnostic:
    """R506: the runtime passes positional arguments, so that ``_args_`` are never passed."""
    entry = call.node.entry("_args_")
    assert entry is not None
    message = f"the runtime passes the arguments of {call.signature.name} by position itself"
    advice = ("give the others by name",)
    return value_finding("R506", message, entry.key, "these are not passed", advice=advice)


def too_many_positional(call: TargetCall, limit: int) -> Diagnostic:
    """R502: more positional arguments than the target takes."""
    takes = f"at most {limit}" if limit else "no"
    words = "argument" if limit == 1 else "arguments"
    return Diagnostic(
        "R502",
        f"{call.signature.name} takes {takes} {words} by position, not {len(call.items)}",
        Label(_value_span(call.items[limit]), "one too many"),
        related=provenance_labels(call.items[limit]),
        notes=(f"defined at {call.signature.origin}",),
    )


def refuses_positional(call: TargetCall) -> Diagnostic:
    """R502: the runtime passes more positional arguments than the target takes."""
    count = call.slot.positional
    words = f"{count} argument" if count == 1 else f"{count} arguments"
    message = f"{call.signature.name} cannot be used here: the runtime passes {words} by position"
    return _head_finding(
        "R502", message, call, f"takes {len(call.signature.positional)} by position"
    )


def refuses_supplied(call: TargetCall, name: str, missing: list[str]) -> Diagnostic:
    """R502: the target does not take an argument that the runtime passes.

    Args:
        call: The call that is checked.
        name: The argument.
        missing: What the target needs and is not given.
    """
    message = f'{call.signature.name} cannot be used here: it has no argument "{name}"'
    found = _head_finding("R502", message, call, f'{call.caller} passes "{name}"')
    if name != "optimizer" or len(missing) != 1:
        return found
    advice = (
        f"a function of {missing[0]} alone is an argument of a scheduler: {{_target_: "
        "torch.optim.lr_scheduler.LambdaLR, lr_lambda: "
        f"{{_target_: {call.signature.name}, _partial_: true}}}}"
    )
    return replace(found, help=(*found.help, advice))


def _head_finding(
    code: str, message: str, call: TargetCall, label: str, advice: tuple[str, ...] = ()
) -> Diagnostic:
    """Return a finding at the name of the target; at the first written key if it is a default."""
    head = call.head.value
    spans = [use_location(head), *(item.key.span for item in call.node)]
    span = next((span for span in spans if not span.source.holds_defaults), spans[0])
    notes = (f"defined at {call.signature.origin}",)
    return Diagnostic(code, message, Label(span, label), provenance_labels(head), advice, notes)


def _argument_span(call: TargetCall, value: Node) -> Span:
    """Return the location of a value; of one that is empty that of its key."""
    span = _value_span(value)
    if span is value.span and not span.text:
        keys = (entry.key.span for entry in call.entries if entry.value is value)
        return next(keys, span)
    return span


def _value_span(value: Node) -> Span:
    """Return the location of a value, of a mapping in several lines its first key."""
    span = use_location(value)
    first = value.entries[:1] if isinstance(value, Mapping) and "\n" in span.text else ()
    return first[0].key.span if first else span
