"""Find what constructing a class takes, and what its attributes are."""

from dataclasses import dataclass

from espnet3_compiler.signature import definitions, known, lookup
from espnet3_compiler.signature.definitions import (
    BuiltinFound,
    CallFound,
    ClassFound,
    FunctionFound,
    Result,
)
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.model import Missing, Origin, Unknown
from espnet3_compiler.signature.outline import Piece

Node = ClassFound | BuiltinFound | Unknown
"""A class in a resolution order; Unknown stands for a base that cannot be read."""


@dataclass(frozen=True, slots=True)
class Provider:
    """The method that a class gets from itself or an ancestor.

    Attributes:
        method: The method.
        index: The place of its class in the resolution order.
    """

    method: FunctionFound
    index: int


Giver = Provider | ClassFound | BuiltinFound | Unknown | None
"""Who has a method: a ``def``, a class or builtin that makes it, nobody readable, nobody."""


def resolution_order(library: Library, found: ClassFound) -> tuple[Node, ...]:
    """Return the classes in which attributes are looked up, in order (C3, as Python does)."""
    key = ("order", found.place.name, found.name)
    if key not in library.memo:
        library.memo[key] = (found, Unknown(f"{found.name} inherits from itself"))
        library.memo[key] = _linearize(library, found)
    order: tuple[Node, ...] = library.memo[key]
    return order


def provider(library: Library, order: tuple[Node, ...], name: str, after: int = -1) -> Giver:
    """Return who gives a method to a class.

    Args:
        library: Where to look.
        order: A resolution order.
        name: The method.
        after: Only classes behind this index count, as for ``super()``.
    """
    for index, node in enumerate(order):
        if index <= after:
            continue
        if not isinstance(node, ClassFound):
            return node
        own = definitions.own_member(node, name)
        if f"{node.name}.{name}" in _patched(library, node):
            return Unknown(f"{node.name}.{name} is set from outside")
        if isinstance(own, FunctionFound):
            return Provider(own, index)
        if own is not None:
            return Unknown(f"{node.name}.{name} is not a plain method")
        if name in known.GENERATED and known.generates(library, node, name):
            return node
    return None


def attribute(library: Library, found: ClassFound, name: str) -> Result:
    """Return what an attribute of a class is."""
    for node in resolution_order(library, found):
        if isinstance(node, Unknown):
            return node
        if isinstance(node, BuiltinFound):
            return Unknown(f"{found.name} inherits from {node.name}")
        own = definitions.own_member(node, name)
        if isinstance(own, Piece):
            return definitions.class_at(library, node.place, own, f"{node.name}.")
        if own is not None:
            return own
        patched = f"{node.name}.{name}" in _patched(library, node)
        if node.summary.open or patched or name.startswith("__"):
            return Unknown(f"{node.name}.{name} cannot be seen")
    if any(isinstance(item, ClassFound) and item.summary.metaclass for item in (found,)):
        return Unknown(f"{found.name} has a metaclass")
    return Missing(found.name, name, 0, names(library, found), _origin(found))


def metaclass_reason(library: Library, order: tuple[Node, ...]) -> str | None:
    """Return why a metaclass makes a constructor unknown, or None."""
    for node in order:
        if not isinstance(node, ClassFound) or node.summary.metaclass is None:
            continue
        name = node.summary.metaclass
        if definitions.full_name(library, node.place, name) in known.PLAIN_METACLASSES:
            continue
        meta = lookup.find_in(library, node.place, name) if name else None
        if not isinstance(meta, ClassFound):
            return f"{node.name} has the metaclass {name or 'of an expression'}"
        giver = provider(library, resolution_order(library, meta), "__call__")
        if giver is not None and giver != BuiltinFound("type"):
            return f"{node.name} has the metaclass {name}"
    return None


def _linearize(library: Library, found: ClassFound) -> tuple[Node, ...]:
    bases = [_base(library, found, name) for name in found.summary.bases]
    kept = [item for item in bases if item is not None]
    rows: list[list[Node]] = [
        list(resolution_order(library, item)) if isinstance(item, ClassFound) else [item]
        for item in kept
    ]
    return (found, *_merge([*rows, list(kept)]))


def _merge(rows: list[list[Node]]) -> list[Node]:
    merged: list[Node] = []
    while any(rows):
        rows = [row for row in rows if row]
        tails = [key for row in rows for key in map(_key, row[1:])]
        head = next((row[0] for row in rows if _key(row[0]) not in tails), rows[0][0])
        merged.append(head)
        rows = [[item for item in row if _key(item) != _key(head)] for row in rows]
    return merged


def _key(node: Node) -> tuple[str, ...]:
    if isinstance(node, ClassFound):
        return (node.place.name, node.name)
    return (node.name,) if isinstance(node, BuiltinFound) else ("", node.reason)


def _base(library: Library, found: ClassFound, name: str) -> Node | None:
    """Return a base class; None for one that adds nothing."""
    if not name:
        return Unknown(f"a base of {found.name} is computed")
    if definitions.full_name(library, found.place, name) in known.NEUTRAL_BASES:
        return None
    base = lookup.find_in(library, found.place, name)
    if isinstance(base, ClassFound | BuiltinFound | Unknown):
        return base
    if isinstance(base, CallFound):
        return Unknown(f"{name}, a base of {found.name}, is computed")
    return Unknown(f"{name}, a base of {found.name}, is not found")


def _patched(library: Library, found: ClassFound) -> tuple[str, ...]:
    module = library.module(found.place)
    return module.patched if module else ()


def names(library: Library, found: ClassFound) -> tuple[str, ...]:
    """Return the attributes that a class is known to have, inherited ones included."""
    order = resolution_order(library, found)
    named = [
        name for item in order if isinstance(item, ClassFound) for name in item.summary.members
    ]
    return tuple(dict.fromkeys(named))


def _origin(found: ClassFound) -> Origin:
    return definitions.origin(found.place, found.summary.line)
