"""Find who makes the objects of a class: methods, generated ones, metaclasses, decorators."""

from dataclasses import dataclass
from typing import Any

from espnet3_compiler.signature import definitions, resolve_name
from espnet3_compiler.signature import definitions as known
from espnet3_compiler.signature.definitions import BuiltinFound, ClassFound, FunctionFound
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.locate import ModuleLocation
from espnet3_compiler.signature.module_summary import Decorator
from espnet3_compiler.signature.resolve_name import MroClass
from espnet3_compiler.signature.result import NotAnalyzable


@dataclass(frozen=True, slots=True)
class ResolvedMethod:
    """The method that a class gets from itself or an ancestor.

    Attributes:
        method: The method.
        index: The place of its class in the resolution order.
    """

    method: FunctionFound
    index: int


MethodSource = ResolvedMethod | ClassFound | BuiltinFound | NotAnalyzable | None
"""Who has a method: a ``def``, a class or builtin that makes it, nobody readable, nobody."""


def find_method(
    library: Library, order: tuple[MroClass, ...], name: str, after: int = -1
) -> MethodSource:
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
        if definitions.is_patched(library, node, name):
            return NotAnalyzable(f"{node.name}.{name} is set from outside")
        if isinstance(own, FunctionFound):
            return ResolvedMethod(own, index)
        if own is not None:
            return NotAnalyzable(f"{node.name}.{name} is not a plain method")
        if name in known.GENERATED_METHODS and generates_method(library, node, name):
            return node
    return None


def metaclass_reason(library: Library, order: tuple[MroClass, ...]) -> str | None:
    """Return why a metaclass makes a constructor unknown, or None."""
    for node in order:
        if not isinstance(node, ClassFound) or node.summary.metaclass is None:
            continue
        name = node.summary.metaclass
        if definitions.full_name(library, node.place, name) in known.PLAIN_METACLASSES:
            continue
        meta = resolve_name.find_in(library, node.place, name) if name else None
        if not isinstance(meta, ClassFound):
            return f"{node.name} has the metaclass {name or 'of an expression'}"
        giver = find_method(library, resolve_name.resolution_order(library, meta), "__call__")
        if giver is not None and giver != BuiltinFound("type"):
            return f"{node.name} has the metaclass {name}"
    return None


def dataclass_options(library: Library, found: ClassFound) -> dict[str, Any] | None:
    """Return the arguments of a class's ``@dataclass``; None when it has no such decorator."""
    for item in found.summary.decorators:
        if item.name and definitions.full_name(library, found.place, item.name) == known.DATACLASS:
            return dict(item.keywords)
    return None


def is_named_tuple(library: Library, found: ClassFound) -> bool:
    """Return whether a class is written as ``class X(NamedTuple)``."""
    return known.NAMED_TUPLE in definitions.base_names(library, found)


def is_enumeration(library: Library, found: ClassFound) -> bool:
    """Return whether a class derives from one of ``enum`` by itself."""
    return not known.ENUM_CLASSES.isdisjoint(definitions.base_names(library, found))


def generates_method(library: Library, found: ClassFound, name: str) -> bool:
    """Return whether a class has a method that its decorator or kind writes for it.

    Args:
        library: Finds decorators and bases.
        found: The class.
        name: The method, for example ``__init__``.
    """
    if name == "__init__":
        options = dataclass_options(library, found)
        return options is not None and options.get("init") is not False
    return is_named_tuple(library, found)


def opaque_decorator(
    library: Library, place: ModuleLocation, decorators: tuple[Decorator, ...], *plain: str
) -> str | None:
    """Return the first decorator after which a signature is not known, or None.

    Args:
        library: Where to look.
        place: The module in which the decorators stand.
        decorators: The decorators.
        plain: Full names that the caller understands itself.
    """
    for item in decorators:
        name = definitions.full_name(library, place, item.name) if item.name else ""
        if name in known.TRANSPARENT_DECORATORS or name in plain:
            continue
        found = resolve_name.find_in(library, place, item.name) if item.name else None
        if not (isinstance(found, FunctionFound) and _is_transparent(library, found)):
            return item.name or "an expression"
    return None


def _is_transparent(library: Library, found: FunctionFound) -> bool:
    function = library.function(found.place, found.pieces[-1])
    return function is not None and function.passes
