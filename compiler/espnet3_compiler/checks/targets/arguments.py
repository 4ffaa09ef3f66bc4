"""Compare the arguments of a target with its signature."""

from collections.abc import Iterator

from msgspec.structs import replace

from espnet3_compiler.checks.targets import messages as findings
from espnet3_compiler.checks.targets.nodes import INSTANTIATE_KEYS
from espnet3_compiler.checks.targets.target_call import TargetCall
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.diagnostics.suggest import closest_match, is_misspelling
from espnet3_compiler.signature import literal
from espnet3_compiler.signature.result import Parameter
from espnet3_compiler.syntax.placeholder import has_certain_keys
from espnet3_compiler.syntax.tree import Entry, Node
from espnet3_compiler.syntax.unknown_name import format_names

_MAX_NAMED = 3


def check_arguments(call: TargetCall) -> Iterator[Diagnostic]:
    """Yield R502 to R504, R506 and R512 for arguments that the signature does not accept."""
    taken = _positional_parameters(call)
    yield from _check_positional(call)
    yield from _check_supplied(call)
    given: set[str] = {item.name for item in taken}
    displaced = _displaced_names(call, given)
    unknown: list[Entry] = []
    swallowed: list[Entry] = []
    for entry in call.entries:
        parameter = call.signature.find(entry.name)
        if entry.name in call.slot.supplied:
            yield findings.supplied_argument(call, entry)
        elif parameter and entry.name in given:
            index = [item.name for item in taken].index(entry.name)
            yield findings.duplicate_argument(call, entry, index, displaced)
        elif parameter:
            given.add(entry.name)
            yield from _check_type(call, parameter, entry.value, entry.key.span.text)
        elif not call.signature.more_keywords or _is_positional_only(call, entry):
            unknown.append(entry)
        else:
            swallowed.append(entry)
    if call.signature.drops:
        unknown += [entry for entry in swallowed if _misspelt_required(call, entry, given)]
        yield from _check_dropped(call, [item for item in swallowed if item not in unknown], given)
    yield from _check_names(call, unknown, given.union(displaced))


def _positional_parameters(call: TargetCall) -> tuple[Parameter, ...]:
    """Return the parameters that are given by position, those of the runtime first."""
    count = call.slot.positional or len(call.items)
    return call.signature.positional[:count]


def _displaced_names(call: TargetCall, taken: set[str]) -> list[str]:
    """Return required parameters that get nothing while the runtime passes others by position.

    These others are given by name too: the target may take its arguments in another order.

    Args:
        call: The call that is checked.
        taken: The parameters that are given by position.
    """
    names = {entry.name for entry in call.entries}
    known = call.slot.positional and not call.incomplete and has_certain_keys(call.node)
    missing = _missing_names(call, taken | names) if known and taken & names else []
    return missing if len(missing) <= call.slot.positional else []


def _check_positional(call: TargetCall) -> Iterator[Diagnostic]:
    room = call.signature.positional
    if call.slot.positional:
        if call.items:
            yield findings.replaced_positional(call)
        if len(room) < call.slot.positional and not call.signature.more_positional:
            yield findings.refuses_positional(call)
        return
    for parameter, item in zip(room, call.items, strict=False):
        yield from _check_type(call, parameter, item, parameter.name)
    if len(call.items) > len(room) and not call.signature.more_positional:
        yield findings.too_many_positional(call, len(room))


def _refused_names(call: TargetCall) -> list[str]:
    """Return the arguments that the runtime passes by name and the target does not take."""
    if call.incomplete or call.signature.more_keywords:
        return []
    return [name for name in call.slot.supplied if call.signature.find(name) is None]


def _check_supplied(call: TargetCall) -> Iterator[Diagnostic]:
    for name in _refused_names(call):
        missing = _missing_names(call, {entry.name for entry in call.entries})
        yield findings.refuses_supplied(call, name, missing)


def _check_type(
    call: TargetCall, parameter: Parameter, value: Node, shown: str
) -> Iterator[Diagnostic]:
    if literal.fits_annotation(call.library, parameter, value) is False:
        yield findings.wrong_type(call, parameter, value, shown)


def _check_names(call: TargetCall, unknown: list[Entry], given: set[str]) -> Iterator[Diagnostic]:
    """Yield unknown arguments, and missing ones that none of them is a misspelling of."""
    absent = (
        [] if call.incomplete or not has_certain_keys(call.node) else _missing_names(call, given)
    )
    meant = {item.name for item in unknown if _is_positional_only(call, item)}
    found: list[Diagnostic] = []
    strangers = 0
    for entry in unknown:
        free = _unused_names(call, entry)
        flags = [item for item in INSTANTIATE_KEYS if call.flags and not call.node.entry(item)]
        missing = [item for item in absent if item not in meant]
        order = (flags, free) if entry.name.startswith("_") else (missing, free, flags)
        near = next(filter(None, (closest_match(entry.name, names) for names in order)), None)
        near = None if _is_positional_only(call, entry) else near
        meant |= {near} if near else set()
        strangers += near is None
        found.append(findings.unknown_argument(call, entry, near, free))
    missing = [item for item in absent if item not in meant]
    if 0 < len(missing) <= strangers:  # they may be called otherwise
        meant |= set(missing)
        names = ", ".join(f'"{item}"' for item in missing)
        found[0] = replace(found[0], help=(*found[0].help, f"it needs {names}"))
    yield from _merge_other_arguments(call, found)
    if _refused_names(call):  # a target for another use needs other arguments, too
        return
    if "_partial_" not in meant and (missing := [item for item in absent if item not in meant]):
        yield findings.missing_arguments(call, missing)


def _merge_other_arguments(call: TargetCall, found: list[Diagnostic]) -> Iterator[Diagnostic]:
    """Yield arguments that are no plain misspellings as one finding: those of another target."""
    other = [one for one in found if not (one.fix and one.fix.certain)]
    if len(other) < 2:  # noqa: PLR2004
        yield from found
        return
    names = ", ".join(f'"{one.primary.span.text}"' for one in other[:_MAX_NAMED])
    more = f" and {len(other) - _MAX_NAMED} more" if len(other) > _MAX_NAMED else ""
    given = {*call.slot.supplied, *(item.name for item in _positional_parameters(call))}
    takes = [name for name in call.signature.keywords if name not in given]
    merged = replace(
        other[0],
        message=f"{call.signature.name} has no arguments {names}{more}",
        related=(
            *other[0].related,
            *(Label(one.primary.span, "likewise") for one in other[1:]),
        ),
        help=(*other[0].help, f"it takes {format_names(takes)}") if takes else other[0].help,
        fix=None,
    )
    yield from (merged if one is other[0] else one for one in found if one not in other[1:])


def _is_positional_only(call: TargetCall, entry: Entry) -> bool:
    named = (item for item in call.signature.positional if item.kind == "positional")
    return not call.items and any(item.name == entry.name for item in named)


def _misspelt_required(call: TargetCall, entry: Entry, given: set[str]) -> bool:
    missing = [] if call.incomplete else _missing_names(call, given)
    return any(is_misspelling(entry.name, name) for name in missing)


def _check_dropped(call: TargetCall, entries: list[Entry], given: set[str]) -> Iterator[Diagnostic]:
    """Yield R512 for arguments that nothing looks at and that resemble one that is not given."""
    for entry in entries:
        free = [name for name in _unused_names(call, entry) if name not in given]
        near = [name for name in free if is_misspelling(entry.name, name)]
        if near:
            yield findings.dropped_argument(call, entry, near[0], free)


def _unused_names(call: TargetCall, entry: Entry) -> list[str]:
    """Return the possible names for an unknown argument: those not given in the same file."""
    source = entry.key.span.source
    given = {item.name for item in call.entries if item.key.span.source is source}
    taken = given | {item.name for item in _positional_parameters(call)} | set(call.slot.supplied)
    return [item for item in call.signature.keywords if item not in taken]


def _missing_names(call: TargetCall, given: set[str]) -> list[str]:
    passed = given | set(call.slot.supplied) | set(call.slot.offered)
    return [
        item.name for item in call.signature.parameters if item.required and item.name not in passed
    ]
