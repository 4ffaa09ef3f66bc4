"""Find the method that receives a class's arguments, and what may change them on the way."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from msgspec import Struct

from espnet3_compiler.signature import definitions, resolve_name
from espnet3_compiler.signature.definitions import BuiltinFound, ClassFound, FunctionFound, MroClass
from espnet3_compiler.signature.flow import FunctionNode
from espnet3_compiler.signature.library import Library, ModuleFile
from espnet3_compiler.signature.locate import ModuleLocation
from espnet3_compiler.signature.module_summary import ClassSummary, Decorator
from espnet3_compiler.signature.result import NotAnalyzable
from espnet3_compiler.signature.split_source import Piece


class ResolvedMethod(Struct, frozen=True):
    """The method that a class gets from itself or an ancestor.

    Attributes:
        method: The method.
        position: The index of its class in the resolution order.
    """

    method: FunctionFound
    position: int


_HARMLESS_DECORATORS = definitions.TRANSPARENT_DECORATORS | definitions.RENAMING_DECORATORS
MODULE_COLLECTIONS = ("ModuleList", "ModuleDict", "Sequential")
"""Modules that code often makes of a list or mapping that it is given."""

LIGHTNING_PACKAGES = ("lightning", "pytorch_lightning")
"""The names of Lightning; the Trainer of the runtime is that of the first."""

MethodSource = ResolvedMethod | ClassFound | BuiltinFound | NotAnalyzable | None
"""Where a method comes from: a ``def``, a class that generates it, a builtin; None without one."""


def find_method(
    library: Library, order: tuple[MroClass, ...], name: str, after: int = -1
) -> MethodSource:
    """Return where a class gets a method from.

    Args:
        library: Reads modules.
        order: The resolution order of the class.
        name: The name of the method.
        after: Only classes behind this index count, as for ``super()``.
    """
    for index, node in enumerate(order[after + 1 :], after + 1):
        if not isinstance(node, ClassFound):
            return node
        own = definitions.own_member(node, name)
        if definitions.is_patched(library, node, name):
            return NotAnalyzable(f"{node.name}.{name} is set from outside")
        if isinstance(own, FunctionFound):
            return ResolvedMethod(own, index)
        if own is not None:
            return NotAnalyzable(f"{node.name}.{name} is not a plain method")
        if _generates_method(library, node, name):
            return node
    return None


def attributes_of(library: Library, found: ClassFound) -> tuple[str, ...]:
    """Return the attributes that a class is known to have, inherited ones included."""
    key = ("attributes", found.location.name, found.name)
    if key not in library.memo:
        order = resolve_name.resolution_order(library, found)
        library.memo[key] = definitions.attribute_names(order)
    names: tuple[str, ...] = library.memo[key]
    return names


def metaclass_reason(library: Library, order: tuple[MroClass, ...]) -> str | None:
    """Return why a metaclass makes a constructor unknown, or None."""
    for node in order:
        if not isinstance(node, ClassFound) or node.summary.metaclass is None:
            continue
        name = node.summary.metaclass
        if definitions.full_name(library, node.location, name) in definitions.PLAIN_METACLASSES:
            continue
        meta = resolve_name.find_in(library, node.location, name) if name else None
        if not isinstance(meta, ClassFound):
            return f"{node.name} has the metaclass {name or 'of an expression'}"
        source = find_method(library, resolve_name.resolution_order(library, meta), "__call__")
        if source is not None and source != BuiltinFound("type"):
            return f"{node.name} has the metaclass {name}"
    return None


def dataclass_options(library: Library, found: ClassFound) -> dict[str, Any] | None:
    """Return the arguments of a class's ``@dataclass``; None when it has no such decorator."""
    for item in found.summary.decorators:
        name = definitions.full_name(library, found.location, item.name)
        if name == definitions.DATACLASS:
            return dict(item.keywords)
    return None


def is_keyword_record(order: tuple[MroClass, ...]) -> bool:
    """Return whether a class takes its fields, and anything else, by name: a base makes it so."""
    for node in order:
        if not isinstance(node, ClassFound):
            return False
        if f"{node.location.name}.{node.name}" == definitions.KEYWORD_RECORD:
            return "__init_subclass__" in node.summary.members
        if "__init__" in node.summary.members:
            return False
    return False


def method_pieces(summary: ClassSummary) -> Iterator[Piece]:
    """Yield where the methods of a class stand in its module."""
    for pieces in summary.members.values():
        yield from (one for one in pieces if one is not None and one.kind == "def")


def method_nodes(file: ModuleFile, summary: ClassSummary) -> Iterator[tuple[FunctionNode, int]]:
    """Yield the methods of a class, each with what its lines lack to those of the file.

    Args:
        file: The module of the class.
        summary: The class.
    """
    for piece in method_pieces(summary):
        yield file.function_node(piece), piece.first - 2


def is_torch_module(found: MroClass) -> bool:
    """Return whether a class is ``torch.nn.Module`` itself."""
    return (
        isinstance(found, ClassFound)
        and found.name == "Module"
        and found.location.name == "torch.nn.modules.module"
    )


def is_module_class(library: Library, found: ClassFound) -> bool:
    """Return whether a class derives from ``torch.nn.Module``: calling it calls ``forward``."""
    return any(map(is_torch_module, resolve_name.resolution_order(library, found)))


def lightning_package(library: Library, found: ClassFound, name: str = "LightningModule") -> str:
    """Return the package of a class of Lightning that a class derives from; empty where none.

    Its name is enough, so Lightning need not be installed.

    Args:
        library: Reads modules.
        found: The class.
        name: The class of Lightning.
    """
    key = ("lightning", found.location.name, found.name, name)
    return library.remember(key, "", partial(_lightning_base, library, found, name))


def _lightning_base(library: Library, found: ClassFound, name: str) -> str:
    for item in resolve_name.resolution_order(library, found):
        if isinstance(item, ClassFound):
            head = item.location.name.partition(".")[0]
            if item.name == name and head in LIGHTNING_PACKAGES:
                return head
            for base in definitions.base_names(library, item):
                head = base.partition(".")[0]
                if base.rpartition(".")[2] == name and head in LIGHTNING_PACKAGES:
                    return head
    return ""


def is_enumeration(library: Library, found: ClassFound) -> bool:
    """Return whether a class names a class of ``enum`` as its base."""
    return not definitions.ENUM_CLASSES.isdisjoint(definitions.base_names(library, found))


def _generates_method(library: Library, found: ClassFound, name: str) -> bool:
    """Return whether ``@dataclass`` or ``NamedTuple`` writes a method of a class."""
    if name == "__init__":
        options = dataclass_options(library, found)
        return options is not None and options.get("init") is not False
    return name == "__new__" and definitions.NAMED_TUPLE in definitions.base_names(library, found)


def opaque_decorator(
    library: Library, location: ModuleLocation, decorators: tuple[Decorator, ...], *plain: str
) -> str | None:
    """Return the first decorator after which a signature is not known, or None.

    Args:
        library: Reads modules.
        location: The module of the decorators.
        decorators: The decorators, from the outermost to the innermost.
        plain: Full names that the caller understands itself.
    """
    for item in decorators:
        name = definitions.full_name(library, location, item.name) if item.name else ""
        if name in plain or name in _HARMLESS_DECORATORS:
            continue
        found = resolve_name.find_in(library, location, item.name) if item.name else None
        if isinstance(found, FunctionFound):
            function = library.function(found.location, found.pieces[-1])
            if function is not None and function.passes:
                continue
        return item.name or "an expression"
    return None
