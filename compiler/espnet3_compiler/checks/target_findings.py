"""What to say about the arguments of a target."""

from espnet3_compiler.chain import is_mendable, related_labels, use_place
from espnet3_compiler.checks.target_case import Case
from espnet3_compiler.checks.target_values import advice
from espnet3_compiler.diagnostic import Diagnostic, Edit, Fix, Label
from espnet3_compiler.lower_report import did_you_mean, listed
from espnet3_compiler.shape_hints import quoted_like
from espnet3_compiler.shape_types import shown
from espnet3_compiler.signature.annotation import type_of
from espnet3_compiler.signature.literal import culprit
from espnet3_compiler.signature.model import Origin, Parameter
from espnet3_compiler.signature.types import words
from espnet3_compiler.source import Span
from espnet3_compiler.suggest import is_sure
from espnet3_compiler.tree import Entry, Mapping, Node, Sequence

_LONGEST = 60


def unknown(case: Case, entry: Entry, near: str | None, free: tuple[str, ...]) -> Diagnostic:
    """R502: the target has no such argument.

    Args:
        case: The call that is checked.
        entry: The argument as it is written.
        near: The parameter that it probably means, or None.
        free: Parameters that the call does not give yet.
    """
    names = [item for item in case.signature.names if item not in case.slot.supplied]
    listing = ", ".join(names)
    label = f"not in ({listing})" if len(listing) <= _LONGEST else "no such argument"
    by_place = any(item.name == entry.name for item in case.signature.places)
    return Diagnostic(
        "R502",
        f'{case.signature.name} has no argument "{entry.name}"',
        Label(
            use_place(entry.key),
            ("taken by place only" if by_place else label)
            if names or by_place
            else "it takes no arguments",
        ),
        related=related_labels(entry.key),
        help=did_you_mean(near),
        notes=_defined(case.signature.origin),
        fix=rename(entry, near, certain=near is not None and is_sure(entry.name, free)),
    )


def missing(case: Case, names: list[str]) -> Diagnostic:
    """R503: required arguments are not given; a function may be meant to get them when called."""
    words = "arguments" if len(names) > 1 else "argument"
    quoted = ", ".join(f'"{name}"' for name in names)
    return Diagnostic(
        "R503",
        f"{case.signature.name} needs the {words} {quoted}",
        Label(_head_place(case), f"{listed(names)} not given"),
        related=related_labels(case.head.value),
        help=_partial_help(case, names),
        notes=_defined(case.signature.origin),
    )


def _partial_help(case: Case, names: list[str]) -> tuple[str, ...]:
    """Return the advice for a function that stands where what is built is called later."""
    if not case.slot.called or case.node.entry("_partial_"):
        return ()
    verb = "come" if len(names) > 1 else "comes"
    return (f"if {listed(names)} {verb} with each call, write _partial_: true beside _target_",)


def wrong_type(case: Case, parameter: Parameter, value: Node, name: str) -> Diagnostic:
    """R504: a literal does not fit the annotation.

    Args:
        case: The call that is checked.
        parameter: The parameter with its annotation.
        value: The argument, a literal.
        name: What the message calls the argument.
    """
    wanted, value, path = culprit(type_of(case.library, parameter), value)
    expected = words(wanted)
    expected = expected if len(expected) <= _LONGEST else expected[: _LONGEST - 1] + "…"
    found = advice(wanted, value)
    return Diagnostic(
        "R504",
        f'"{name}{path}" of {case.signature.name} must be {expected}, not {shown(value)}',
        Label(_value_place(value), f"expected {expected}"),
        related=related_labels(value),
        help=found.help,
        notes=_defined(parameter.origin),
        fix=_replace(value, found.text, certain=found.sure),
    )


def duplicate(case: Case, entry: Entry, index: int) -> Diagnostic:
    """R506: an argument is given by place and by name.

    Args:
        case: The call that is checked.
        entry: The argument that is given by name.
        index: Where the same argument stands in ``_args_``, from 0.
    """
    if case.slot.positional:
        return supplied(case, entry)
    return Diagnostic(
        "R506",
        f'"{entry.name}" of {case.signature.name} is given by place and by name',
        Label(use_place(entry.key), "given again here"),
        related=(
            Label(_value_place(case.items[index]), "given by place here"),
            *related_labels(entry.key),
        ),
        notes=_defined(case.signature.origin),
    )


def supplied(case: Case, entry: Entry) -> Diagnostic:
    """R506: the runtime passes an argument itself."""
    return Diagnostic(
        "R506",
        f'{case.giver} passes "{entry.name}" to {case.signature.name} itself',
        Label(use_place(entry.key), "given twice"),
        related=related_labels(entry.key),
        help=("remove it",),
    )


def replaced_places(case: Case) -> Diagnostic:
    """R506: the runtime passes arguments by place, so that ``_args_`` never arrive."""
    entry = case.node.entry("_args_")
    assert entry is not None
    return Diagnostic(
        "R506",
        f"the runtime passes the arguments of {case.signature.name} by place itself",
        Label(use_place(entry.key), "these are not passed"),
        related=related_labels(entry.key),
        help=("give the others by name",),
    )


def too_many(case: Case, room: int) -> Diagnostic:
    """R502: more arguments by place than the target takes."""
    takes = f"at most {room}" if room else "no"
    words = "argument" if room == 1 else "arguments"
    return Diagnostic(
        "R502",
        f"{case.signature.name} takes {takes} {words} by place, not {len(case.items)}",
        Label(_value_place(case.items[room]), "one too many"),
        related=related_labels(case.items[room]),
        notes=_defined(case.signature.origin),
    )


def refuses_places(case: Case) -> Diagnostic:
    """R502: the runtime passes more arguments by place than the target takes."""
    count = case.slot.positional
    words = "argument" if count == 1 else "arguments"
    return Diagnostic(
        "R502",
        f"{case.signature.name} cannot be used here: the runtime passes {count} {words} by place",
        Label(_head_place(case), f"takes {len(case.signature.places)} by place"),
        related=related_labels(case.head.value),
        notes=_defined(case.signature.origin),
    )


def refuses(case: Case, name: str) -> Diagnostic:
    """R502: the target does not take what the runtime passes."""
    return Diagnostic(
        "R502",
        f'{case.signature.name} cannot be used here: it has no argument "{name}"',
        Label(_head_place(case), f'{case.giver} passes "{name}"'),
        related=related_labels(case.head.value),
        notes=_defined(case.signature.origin),
    )


def _defined(origin: Origin) -> tuple[str, ...]:
    return (f"defined at {origin}",)


def _head_place(case: Case) -> Span:
    """Return the place of the target's name; of the first written key where that is a default."""
    place = use_place(case.head.value)
    if place.source.kind != "schema":
        return place
    keys = [item.key.span for item in case.node if item.key.span.source.kind != "schema"]
    return keys[0] if keys else place


def _value_place(value: Node) -> Span:
    place = use_place(value)
    if isinstance(value, Mapping | Sequence) and "\n" in place.text:
        first = value.entries[0].key if isinstance(value, Mapping) and value.entries else None
        return first.span if first else place
    return place


def rename(entry: Entry, near: str | None, *, certain: bool) -> Fix | None:
    """Return the fix that gives a key another name, where the key is in a file.

    Args:
        entry: The key with its value.
        near: The name that it gets; None makes no fix.
        certain: Whether ``--fix`` may write it without a question.
    """
    if near is None or not is_mendable(entry.key):
        return None
    edit = Edit(entry.key.span, quoted_like(entry.key, near))
    return Fix(f'write "{near}"', (edit,), certain=certain)


def _replace(value: Node, text: str | None, *, certain: bool) -> Fix | None:
    if text is None or not is_mendable(value):
        return None
    return Fix(f"write {text}", (Edit(value.span, text),), certain=certain)
