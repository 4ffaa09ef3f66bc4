"""Compare the arguments of a target with its signature."""

from collections.abc import Iterator
from dataclasses import dataclass

from espnet3_compiler.checks import target_findings as findings
from espnet3_compiler.checks.target_nodes import FLAGS, NOTHING, Slot, Target, arguments, flag
from espnet3_compiler.diagnostic import Diagnostic
from espnet3_compiler.read_steps import is_legible
from espnet3_compiler.signature import literal
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.model import Parameter, Signature
from espnet3_compiler.suggest import nearest
from espnet3_compiler.tree import Entry, Mapping, Node, Sequence


@dataclass(frozen=True, slots=True)
class Case:
    """A call to judge.

    Attributes:
        library: Where annotations are looked up.
        signature: What is called.
        node: The mapping with the arguments.
        head: The entry that names what is called, ``_target_`` or ``call``.
        entries: Arguments by name.
        items: Arguments by place.
        slot: What the runtime adds.
        partial: Whether some may be missing.
        flags: Whether ``_partial_`` and its like may stand among the arguments.
        giver: Who passes what ``slot`` lists.
    """

    library: Library
    signature: Signature
    node: Mapping
    head: Entry
    entries: tuple[Entry, ...]
    items: tuple[Node, ...] = ()
    slot: Slot = NOTHING
    partial: bool = False
    flags: bool = True
    giver: str = "the runtime"


def case_of(library: Library, target: Target, signature: Signature) -> Case:
    """Return the call that a target node is."""
    head = target.node.entry("_target_")
    assert head is not None
    args = target.node.get("_args_")
    return Case(
        library,
        signature,
        target.node,
        head,
        tuple(arguments(target.node)),
        args.items if isinstance(args, Sequence) else (),
        target.slot,
        partial=flag(target.node, "_partial_") is True,
    )


def compare(case: Case) -> Iterator[Diagnostic]:
    """Yield R502, R503, R504 and R506 for what does not fit."""
    taken = _by_place(case)
    yield from _places(case)
    yield from _supplied(case)
    given: set[str] = {item.name for item in taken}
    unknown: list[Entry] = []
    for entry in case.entries:
        parameter = case.signature.find(entry.name)
        if entry.name in case.slot.supplied:
            yield findings.supplied(case, entry)
        elif parameter and entry.name in given:
            yield findings.duplicate(case, entry, _index(taken, entry.name))
        elif parameter:
            given.add(entry.name)
            yield from _type(case, parameter, entry.value, entry.key.span.text)
        elif not case.signature.more_names:
            unknown.append(entry)
    yield from _names(case, unknown, given)


def _by_place(case: Case) -> tuple[Parameter, ...]:
    """Return the parameters that are given by place, those of the runtime first."""
    count = case.slot.positional or len(case.items)
    return case.signature.places[:count]


def _index(taken: tuple[Parameter, ...], name: str) -> int:
    return next(index for index, item in enumerate(taken) if item.name == name)


def _places(case: Case) -> Iterator[Diagnostic]:
    room = case.signature.places
    if case.slot.positional:
        if case.items:
            yield findings.replaced_places(case)
        if len(room) < case.slot.positional and not case.signature.more_places:
            yield findings.refuses_places(case)
        return
    for parameter, item in zip(room, case.items, strict=False):
        yield from _type(case, parameter, item, parameter.name)
    if len(case.items) > len(room) and not case.signature.more_places:
        yield findings.too_many(case, len(room))


def _supplied(case: Case) -> Iterator[Diagnostic]:
    if case.partial or case.signature.more_names:
        return
    for name in case.slot.supplied:
        if case.signature.find(name) is None:
            yield findings.refuses(case, name)


def _type(case: Case, parameter: Parameter, value: Node, shown: str) -> Iterator[Diagnostic]:
    if literal.fits(case.library, parameter, value) is False:
        yield findings.wrong_type(case, parameter, value, shown)


def _names(case: Case, unknown: list[Entry], given: set[str]) -> Iterator[Diagnostic]:
    """Yield unknown names, and the missing ones that none of them was meant to be."""
    absent = [] if case.partial or not is_legible(case.node) else _absent(case, given)
    meant: set[str] = set()
    for entry in unknown:
        free = _free(case, entry)
        flags = [item for item in FLAGS if case.node.entry(item) is None] if case.flags else []
        near = _nearest(entry.name, [item for item in absent if item not in meant], free, flags)
        meant |= {near} if near else set()
        yield findings.unknown(case, entry, near, tuple(free))
    if "_partial_" not in meant and (left := [item for item in absent if item not in meant]):
        yield findings.missing(case, left)


def _free(case: Case, entry: Entry) -> list[str]:
    """Return the names that may have been meant: those not given beside the wrong one."""
    source = entry.key.span.source
    given = {item.name for item in case.entries if item.key.span.source is source}
    taken = given | {item.name for item in _by_place(case)} | set(case.slot.supplied)
    return [item for item in case.signature.names if item not in taken]


def _nearest(name: str, absent: list[str], free: list[str], flags: list[str]) -> str | None:
    if name.startswith("_"):
        return nearest(name, flags) or nearest(name, free)
    return nearest(name, absent) or nearest(name, free) or nearest(name, flags)


def _absent(case: Case, given: set[str]) -> list[str]:
    passed = given | set(case.slot.supplied) | set(case.slot.offered)
    return [
        item.name for item in case.signature.parameters if item.required and item.name not in passed
    ]
