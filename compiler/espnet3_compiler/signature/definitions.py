"""The kinds of definitions that a name can have, and questions about them that need no search."""

import builtins

from msgspec import Struct

from espnet3_compiler.signature import locate
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.locate import ModuleLocation
from espnet3_compiler.signature.module_summary import (
    Binding,
    ClassSummary,
    FunctionSummary,
    ModuleSummary,
)
from espnet3_compiler.signature.result import DefinitionLocation, Missing, NotAnalyzable
from espnet3_compiler.signature.split_source import Piece

BUILTINS = frozenset(dir(builtins))
MAX_DEPTH = 40
"""How many imports, aliases and calls are followed."""


class ModuleFound(Struct, frozen=True):
    """A module."""

    location: ModuleLocation


class ClassFound(Struct, frozen=True):
    """A class with the summary of its body."""

    location: ModuleLocation
    name: str
    summary: ClassSummary


class FunctionFound(Struct, frozen=True):
    """A function.

    Attributes:
        location: The module.
        name: Its name, of a method with that of its class.
        pieces: Its ``def``, the last one; before it those of its ``@overload``.
        owner: The class that it is a method of, if it is called on that.
        bound: Whether it is a method that is called on an object.
    """

    location: ModuleLocation
    name: str
    pieces: tuple[Piece, ...]
    owner: ClassFound | None = None
    bound: bool = False


class CallFound(Struct, frozen=True):
    """The result of a call at module level, such as ``functools.partial(…)``."""

    location: ModuleLocation
    binding: Binding


class ValueFound(Struct, frozen=True):
    """A literal, or an expression that may be a type alias."""

    location: ModuleLocation
    binding: Binding


class BuiltinFound(Struct, frozen=True):
    """A name of ``builtins``."""

    name: str


Definition = ModuleFound | ClassFound | FunctionFound | CallFound | ValueFound | BuiltinFound
LookupResult = Definition | Missing | NotAnalyzable
MroClass = ClassFound | BuiltinFound | NotAnalyzable
"""A class in a resolution order; ``NotAnalyzable`` for a base that cannot be read."""


def definition_location(location: ModuleLocation, line: int = 0) -> DefinitionLocation:
    """Return the location that a report shows for a line of a module."""
    return DefinitionLocation(location.name, location.shown, line)


def own_member(found: ClassFound, name: str) -> FunctionFound | Piece | NotAnalyzable | None:
    """Return a method, nested class (as a piece) or unknown value in a class body; None if none."""
    pieces = found.summary.members.get(name)
    if pieces is None:
        return None
    kept = [item for item in pieces if item]
    if len(kept) != len(pieces) or not kept:
        return NotAnalyzable(f"{found.name}.{name} is a value")
    if kept[-1].kind == "class" and len(kept) > 1:
        return NotAnalyzable(f"{found.name}.{name} is defined twice")
    if kept[-1].kind == "class":
        return kept[-1]
    return FunctionFound(found.location, f"{found.name}.{name}", tuple(kept), found)


def own_method(library: Library, found: ClassFound, name: str) -> FunctionSummary | None:
    """Return the method that a class itself has under a name.

    Args:
        library: Reads the method.
        found: The class.
        name: The method.
    """
    own = own_member(found, name)
    return (
        library.function(own.location, own.pieces[-1]) if isinstance(own, FunctionFound) else None
    )


def attribute_names(order: tuple[MroClass, ...]) -> tuple[str, ...]:
    """Return the attributes that the classes of a resolution order are known to have."""
    bodies = [item.summary for item in order if isinstance(item, ClassFound)]
    every = [(*body.members, *(field.name for field in body.fields)) for body in bodies]
    return tuple(dict.fromkeys(name for names in every for name in names))


def class_at(
    library: Library, location: ModuleLocation, piece: Piece, prefix: str = ""
) -> LookupResult:
    """Return the class of a ``class`` statement.

    Args:
        library: Reads the class.
        location: The module.
        piece: The ``class`` statement in it.
        prefix: The classes around it with a dot behind each, for its name.
    """
    summary = library.class_(location, piece)
    if summary is None:
        return NotAnalyzable(f"{location.shown} cannot be parsed")
    return ClassFound(location, prefix + piece.name, summary)


def full_name(library: Library, location: ModuleLocation, name: str) -> str:
    """Return the absolute name of a dotted name in a module, following one import only.

    Enough to recognise ``dataclasses.dataclass`` or ``typing.Generic`` without reading them.

    Args:
        library: Reads the module.
        location: The module.
        name: A dotted name in its code.
    """
    head, _, rest = name.partition(".")
    module = library.module(location)
    bindings = module.bindings.get(head, ()) if module else ()
    first = next((item for item in bindings if item.kind in ("import", "module")), None)
    if first is None:
        base = f"{location.name}.{head}" if bindings else head
    elif first.kind == "module":
        base = first.source
    else:
        base = f"{absolute_module(location, first.source)}.{first.value}"
    return f"{base}.{rest}" if rest else base


def absolute_module(location: ModuleLocation, source: str) -> str:
    """Return the absolute name of a module in ``from … import`` of another."""
    name = source.lstrip(".")
    level = len(source) - len(name)
    if level == 0:
        return name
    parts = location.name.split(".")
    is_package = location.kind == "package" or (location.kind == "stub" and location.folders)
    base = parts if is_package else parts[:-1]
    kept = base[: len(base) - (level - 1)]
    return ".".join([*kept, name] if name else kept)


def base_names(library: Library, found: ClassFound) -> tuple[str, ...]:
    """Return the full names of the bases that a class names."""
    return tuple(full_name(library, found.location, item) for item in found.summary.bases if item)


def names_of(library: Library, location: ModuleLocation) -> tuple[str, ...]:
    """Return the names that a module is known to have, its submodules included."""
    module = library.module(location)
    bound = list(module.bindings) if module else []
    for source, _ in module.stars if module else ():
        star = library.find_module(absolute_module(location, source))
        inner = library.module(star) if star and star.name != location.name else None
        if inner and inner.exports is not None:
            bound += inner.exports
        elif inner:
            bound += (name for name in inner.bindings if not name.startswith("_"))
    return tuple(dict.fromkeys([*bound, *locate.names_below(library.path, location.folders)]))


def is_patched(library: Library, found: ClassFound, name: str) -> bool:
    """Return whether ``Class.name = …`` in a class's module sets one of its attributes.

    Args:
        library: Reads the module.
        found: The class.
        name: The attribute.
    """
    module = library.module(found.location)
    return module is not None and f"{found.name}.{name}" in module.patched


def is_unbound(library: Library, location: ModuleLocation, name: str, found: LookupResult) -> bool:
    """Return whether a module binds no name, so that it is the builtin of that name.

    Args:
        library: Reads modules.
        location: The module.
        name: The name of a builtin.
        found: The result of looking it up in the module.
    """
    module = library.module(location) if location.kind == "stub" else None
    return isinstance(found, Missing) or (module is not None and name not in module.bindings)


def is_imported(module: ModuleSummary, name: str) -> bool:
    """Return whether a module has a name by imports only."""
    bindings = module.bindings.get(name, ())
    return bool(bindings) and all(item.kind in ("import", "module") for item in bindings)


def has_compiled_star(library: Library, location: ModuleLocation, module: ModuleSummary) -> bool:
    """Return whether a module takes all names of one whose stub may not list them all.

    Args:
        library: Finds modules.
        location: The module.
        module: Its summary.
    """
    names = (absolute_module(location, source) for source, _ in module.stars)
    return any(star is not None and star.kind == "stub" for star in map(library.find_module, names))


def pieces_of(
    library: Library, location: ModuleLocation, name: str, binding: Binding
) -> tuple[Piece, ...]:
    """Return the ``def`` of a binding behind those before it, which may be its overloads.

    Args:
        library: Reads modules.
        location: The module.
        name: The name that is bound.
        binding: The binding.
    """
    module = library.module(location)
    every = module.bindings[name] if module else (binding,)
    same = [item.piece for item in every if item.level == binding.level and item.piece]
    return tuple(item for item in same if item.kind == "def" and item.first <= binding.first)


def is_absent(item: LookupResult) -> bool:
    """Return whether another binding of the same name takes over."""
    if isinstance(item, ValueFound):
        return item.binding.value == "None"
    return isinstance(item, Missing) or (isinstance(item, NotAnalyzable) and item.absent)


def class_location(found: ClassFound) -> DefinitionLocation:
    """Return the location that a report shows for a class."""
    return definition_location(found.location, found.summary.line)


def is_compiled(order: tuple[MroClass, ...]) -> bool:
    """Return whether a class or one of its bases has only a stub, which need not list all."""
    return any(isinstance(item, ClassFound) and item.location.kind == "stub" for item in order)


def refuses_arguments(order: tuple[MroClass, ...], method: FunctionFound) -> bool:
    """Return whether a method with ``(*args, **kwargs)`` takes none, by a value of a class.

    Args:
        order: The resolution order of the class that it is called for.
        method: The method.
    """
    switch = REFUSING_METHODS.get((method.location.name, method.name))
    if switch is None:
        return False
    found = (item.summary for item in order if isinstance(item, ClassFound))
    value = next((item.literals.get(switch) for item in found if switch in item.members), None)
    return value is False


def merge_orders(rows: list[list[MroClass]]) -> list[MroClass]:
    """Return the resolution order of a class from those of its bases and their list (C3)."""
    merged: list[MroClass] = []
    while any(rows):
        rows = [row for row in rows if row]
        tails = [key for row in rows for key in map(_class_key, row[1:])]
        head = next((row[0] for row in rows if _class_key(row[0]) not in tails), rows[0][0])
        merged.append(head)
        rows = [[item for item in row if _class_key(item) != _class_key(head)] for row in rows]
    return merged


def _class_key(node: MroClass) -> tuple[str, ...]:
    if isinstance(node, ClassFound):
        return (node.location.name, node.name)
    return (node.name,) if isinstance(node, BuiltinFound) else ("", node.reason)


_ABSTRACT_CLASSES = (
    *("Awaitable", "AsyncIterable", "AsyncIterator", "Callable", "Collection", "Container"),
    *("Generic", "Hashable", "Iterable", "Iterator", "Mapping", "MutableMapping", "Protocol"),
    *("MutableSequence", "MutableSet", "Reversible", "Sequence", "Set", "Sized"),
)
_ABSTRACT_MODULES = ("typing", "typing_extensions", "collections.abc")

NEUTRAL_BASES = frozenset(
    {
        "object",
        "abc.ABC",
        *(f"{home}.{name}" for home in _ABSTRACT_MODULES for name in _ABSTRACT_CLASSES),
    }
)
"""Bases that add no arguments."""

PLAIN_METACLASSES = frozenset({"type", "abc.ABCMeta", "typing._ProtocolMeta"})
"""Metaclasses that construct as ``type`` does."""

TRANSPARENT_DECORATORS = frozenset(
    {
        "abc.abstractmethod",
        "beartype.beartype",
        "contextlib.asynccontextmanager",
        "contextlib.contextmanager",
        "functools.cache",
        "functools.lru_cache",
        "functools.total_ordering",
        "lightning.pytorch.utilities.argparse._defaults_from_env_vars",
        "pytorch_lightning.utilities.argparse._defaults_from_env_vars",
        "torch._disable_dynamo",
        "torch._dynamo.disable",
        "torch.compile",
        "torch.compiler.disable",
        "torch.enable_grad",
        "torch.inference_mode",
        "torch.jit.export",
        "torch.jit.ignore",
        "torch.jit.unused",
        "torch.no_grad",
        "torch.utils.data.datapipes._decorator.functional_datapipe",
        "transformers.utils.auto_docstring",
        "transformers.utils.auto_docstring.auto_docstring",
        "typeguard.typechecked",
        "typing.final",
        "typing.no_type_check",
        "typing.override",
        "typing.runtime_checkable",
        "typing_extensions.deprecated",
        "typing_extensions.final",
        "typing_extensions.override",
        "typing_extensions.runtime_checkable",
        "warnings.deprecated",
    }
)
"""Decorators that leave the arguments of a function or class as they are."""

RENAMING_DECORATORS = frozenset({"torchvision.models._utils.handle_legacy_interface"})
"""Decorators that also take arguments under old names, the first text of each of their own."""

RETURNING_CALLS = frozenset(
    {"torch._C._add_docstr", "transformers.models.auto.auto_factory.auto_class_update"}
)
"""Functions that return their first argument, a function or class, with other words about it."""

DATACLASS = "dataclasses.dataclass"
KEYWORD_RECORD = "transformers.configuration_utils.PreTrainedConfig"
"""The class whose subclasses are dataclasses that keep further arguments as attributes."""
NAMED_TUPLE = "typing.NamedTuple"
ENUM_CLASSES = frozenset({"enum.Enum", "enum.IntEnum", "enum.StrEnum", "enum.Flag", "enum.IntFlag"})

REFUSING_METHODS = {("torch.nn.modules.module", "Module.__init__"): "call_super_init"}
"""Methods with ``(*args, **kwargs)`` that refuse every argument unless this class value is set."""
