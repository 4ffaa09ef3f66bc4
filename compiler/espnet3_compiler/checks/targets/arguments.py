"""Compare the arguments of a target with its signature."""

from collections.abc import Iterator

from espnet3_compiler.checks.targets import messages as findings
from espnet3_compiler.checks.targets.case import TargetCall
from espnet3_compiler.checks.targets.nodes import INSTANTIATE_KEYS
from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.diagnostics.suggest import closest_match
from espnet3_compiler.signature import literal
from espnet3_compiler.signature.result import Parameter
from espnet3_compiler.syntax.placeholder import has_certain_keys
from espnet3_compiler.syntax.tree import Entry, Node


def check_arguments(case: TargetCall) -> Iterator[Diagnostic]:
    """Yield R502, R503, R504 and R506 for what does not fit."""
    taken = _positional_parameters(case)
    yield from _check_positional(case)
    yield from _check_supplied(case)
    given: set[str] = {item.name for item in taken}
    unknown: list[Entry] = []
    for entry in case.entries:
        parameter = case.signature.find(entry.name)
        if entry.name in case.slot.supplied:
            yield findings.supplied_argument(case, entry)
        elif parameter and entry.name in given:
            yield findings.duplicate_argument(case, entry, _parameter_index(taken, entry.name))
        elif parameter:
            given.add(entry.name)
            yield from _check_type(case, parameter, entry.value, entry.key.span.text)
        elif not case.signature.more_keywords:
            unknown.append(entry)
    yield from _check_names(case, unknown, given)


def _positional_parameters(case: TargetCall) -> tuple[Parameter, ...]:
    """Return the parameters that are given by place, those of the runtime first."""
    count = case.slot.positional or len(case.items)
    return case.signature.positional[:count]


def _parameter_index(taken: tuple[Parameter, ...], name: str) -> int:
    return next(index for index, item in enumerate(taken) if item.name == name)


def _check_positional(case: TargetCall) -> Iterator[Diagnostic]:
    room = case.signature.positional
    if case.slot.positional:
        if case.items:
            yield findings.replaced_positional(case)
        if len(room) < case.slot.positional and not case.signature.more_positional:
            yield findings.refuses_positional(case)
        return
    for parameter, item in zip(room, case.items, strict=False):
        yield from _check_type(case, parameter, item, parameter.name)
    if len(case.items) > len(room) and not case.signature.more_positional:
        yield findings.too_many_positional(case, len(room))


def _check_supplied(case: TargetCall) -> Iterator[Diagnostic]:
    if case.partial or case.signature.more_keywords:
        return
    for name in case.slot.supplied:
        if case.signature.find(name) is None:
            yield findings.refuses_supplied(case, name)


def _check_type(
    case: TargetCall, parameter: Parameter, value: Node, shown: str
) -> Iterator[Diagnostic]:
    if literal.fits_annotation(case.library, parameter, value) is False:
        yield findings.wrong_type(case, parameter, value, shown)


def _check_names(case: TargetCall, unknown: list[Entry], given: set[str]) -> Iterator[Diagnostic]:
    """Yield unknown names, and the missing ones that none of them was meant to be."""
    absent = [] if case.partial or not has_certain_keys(case.node) else _missing_names(case, given)
    meant: set[str] = set()
    for entry in unknown:
        free = _unused_names(case, entry)
        flags = (
            [item for item in INSTANTIATE_KEYS if case.node.entry(item) is None]
            if case.flags
            else []
        )
        near = _nearest_name(
            entry.name, [item for item in absent if item not in meant], free, flags
        )
        meant |= {near} if near else set()
        yield findings.unknown_argument(case, entry, near, tuple(free))
    if "_partial_" not in meant and (left := [item for item in absent if item not in meant]):
        yield findings.missing_arguments(case, left)


def _unused_names(case: TargetCall, entry: Entry) -> list[str]:
    """Return the names that may have been meant: those not given beside the wrong one."""
    source = entry.key.span.source
    given = {item.name for item in case.entries if item.key.span.source is source}
    taken = given | {item.name for item in _positional_parameters(case)} | set(case.slot.supplied)
    return [item for item in case.signature.keywords if item not in taken]


def _nearest_name(name: str, absent: list[str], free: list[str], flags: list[str]) -> str | None:
    if name.startswith("_"):
        return closest_match(name, flags) or closest_match(name, free)
    return closest_match(name, absent) or closest_match(name, free) or closest_match(name, flags)


def _missing_names(case: TargetCall, given: set[str]) -> list[str]:
    passed = given | set(case.slot.supplied) | set(case.slot.offered)
    return [
        item.name for item in case.signature.parameters if item.required and item.name not in passed
    ]
