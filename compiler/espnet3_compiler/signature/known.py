"""The few names of other libraries whose meaning cannot be read from their text."""

from typing import Any

from espnet3_compiler.signature import definitions, lookup
from espnet3_compiler.signature.definitions import ClassFound, FunctionFound
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.locate import Place
from espnet3_compiler.signature.outline import Piece
from espnet3_compiler.signature.summary import Decorator

_ABSTRACT = (
    *("Awaitable", "AsyncIterable", "AsyncIterator", "Callable", "Collection", "Container"),
    *("Generic", "Hashable", "Iterable", "Iterator", "Mapping", "MutableMapping", "Protocol"),
    *("MutableSequence", "MutableSet", "Reversible", "Sequence", "Set", "Sized"),
)
_HOMES = ("typing", "typing_extensions", "collections.abc")

NEUTRAL_BASES = frozenset(
    {"object", "abc.ABC", *(f"{home}.{name}" for home in _HOMES for name in _ABSTRACT)}
)
"""Bases that add no arguments."""

PLAIN_METACLASSES = frozenset({"type", "abc.ABCMeta", "typing._ProtocolMeta"})
"""Metaclasses that construct as ``type`` does."""

TRANSPARENT = frozenset(
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
"""Decorators after which a function or class takes what it took before."""

DATACLASS = "dataclasses.dataclass"
NAMED_TUPLE = "typing.NamedTuple"
ENUMS = frozenset({"enum.Enum", "enum.IntEnum", "enum.StrEnum", "enum.Flag", "enum.IntFlag"})

REFUSING = {("torch.nn.modules.module", "Module"): "call_super_init"}
"""Classes whose ``__init__(*args, **kwargs)`` refuses every argument, unless this is set."""

GENERATED = frozenset({"__init__", "__new__"})
"""Methods that a class can have without a ``def``."""


def dataclass_options(library: Library, found: ClassFound) -> dict[str, Any] | None:
    """Return the arguments of a class's ``@dataclass``; None when it has no such decorator."""
    for item in found.summary.decorators:
        if item.name and definitions.full_name(library, found.place, item.name) == DATACLASS:
            return dict(item.keywords)
    return None


def is_named_tuple(library: Library, found: ClassFound) -> bool:
    """Return whether a class is written as ``class X(NamedTuple)``."""
    return NAMED_TUPLE in definitions.base_names(library, found)


def is_enumeration(library: Library, found: ClassFound) -> bool:
    """Return whether a class derives from one of ``enum`` by itself."""
    return not ENUMS.isdisjoint(definitions.base_names(library, found))


def generates(library: Library, found: ClassFound, name: str) -> bool:
    """Return whether a class has a method that its decorator or kind writes for it."""
    if name == "__init__":
        options = dataclass_options(library, found)
        return options is not None and options.get("init") is not False
    return is_named_tuple(library, found)


def opaque(
    library: Library, place: Place, decorators: tuple[Decorator, ...], *plain: str
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
        if name in TRANSPARENT or name in plain:
            continue
        found = lookup.find_in(library, place, item.name) if item.name else None
        if not (isinstance(found, FunctionFound) and _passes(library, found)):
            return item.name or "an expression"
    return None


def _passes(library: Library, found: FunctionFound) -> bool:
    piece: Piece = found.pieces[-1]
    function = library.function(found.place, piece)
    return function is not None and function.passes
