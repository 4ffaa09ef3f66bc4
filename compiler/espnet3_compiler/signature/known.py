"""The few names of other libraries whose meaning cannot be read from their text."""

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
