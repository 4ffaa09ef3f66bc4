"""Signatures without a ``def``: data classes, named tuples, partials."""

from msgspec.structs import replace

from espnet3_compiler.signature import classes, definitions
from espnet3_compiler.signature.definitions import ClassFound, MroClass
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.locate import ModuleLocation
from espnet3_compiler.signature.module_summary import FunctionSummary
from espnet3_compiler.signature.result import (
    NotAnalyzable,
    Parameter,
    ParameterKind,
    Signature,
    SignatureResult,
)


def generated_constructor(
    library: Library, order: tuple[MroClass, ...], found: ClassFound, name: str
) -> SignatureResult:
    """Return the arguments of the constructor that ``@dataclass`` or ``NamedTuple`` writes.

    Args:
        library: Reads modules.
        order: The resolution order of the class that is constructed.
        found: The class in it whose constructor is generated.
        name: The name of the signature in messages.
    """
    fields: dict[str, Parameter] = {}
    if classes.dataclass_options(library, found) is None:
        _add_fields(fields, found, by_name=False)
        return _make_signature(name, found, fields)
    for node in reversed(order[order.index(found) :]):
        if isinstance(node, NotAnalyzable):
            return NotAnalyzable(f"a base of {found.name} cannot be read")
        options = classes.dataclass_options(library, node) if isinstance(node, ClassFound) else None
        if isinstance(node, ClassFound) and options is not None:
            _add_fields(fields, node, by_name=bool(options.get("kw_only")))
    return _make_signature(name, found, fields)


def keyword_constructor(
    order: tuple[MroClass, ...], found: ClassFound, name: str
) -> SignatureResult:
    """Return the arguments of a class that takes its fields, and anything else, by name.

    Args:
        order: Its resolution order.
        found: The class.
        name: The name of the signature in messages.
    """
    fields: dict[str, Parameter] = {}
    for node in reversed(order):
        if isinstance(node, ClassFound):
            _add_fields(fields, node, by_name=True)
    named = {key: replace(item, default=item.default or "other") for key, item in fields.items()}
    return replace(_make_signature(name, found, named), more_keywords=True)


def bind_arguments(inner: Signature, positional: int, given: set[str | None]) -> Signature:
    """Return the arguments that ``functools.partial(f, …)`` still takes.

    Args:
        inner: The signature of ``f``.
        positional: How many arguments are given by position.
        given: The arguments that are given by name.
    """
    bound = {item.name for item in inner.positional[:positional]}
    left: list[Parameter] = []
    by_name = False
    for item in inner.parameters:
        if item.name in bound:
            continue
        by_name = by_name or item.name in given
        kind: ParameterKind = "keyword" if by_name else item.kind
        default = "other" if item.name in given else item.default
        left.append(Parameter(item.name, kind, default, item.annotation, item.origin))
    return Signature(
        inner.name, tuple(left), inner.more_positional, inner.more_keywords, inner.origin
    )


def add_decorated(
    library: Library, location: ModuleLocation, function: FunctionSummary, signature: Signature
) -> Signature:
    """Add the old names that a decorator translates: ``@legacy(weights=("pretrained", …))``.

    Args:
        library: Reads modules.
        location: The module of the function.
        function: The function with its decorators.
        signature: What it takes without them.
    """
    names = [
        value
        for item in function.decorators
        if definitions.full_name(library, location, item.name) in definitions.RENAMING_DECORATORS
        for _, value in item.keywords
        if isinstance(value, str)
    ]
    if not names:
        return signature
    added = [Parameter(name, "keyword", "other", None, signature.origin) for name in names]
    return replace(signature, parameters=(*signature.parameters, *added), more_positional=True)


def _add_fields(fields: dict[str, Parameter], found: ClassFound, *, by_name: bool) -> None:
    for item in found.summary.fields:
        bare = item.annotation.strip("'\"").rpartition("typing.")[2]
        if bare.startswith("ClassVar"):
            continue
        if not item.init:
            fields.pop(item.name, None)
            continue
        named = item.by_name if item.by_name is not None else by_name
        kind: ParameterKind = "keyword" if named else "both"
        origin = definitions.class_location(found)
        fields[item.name] = Parameter(item.name, kind, item.default, item.annotation, origin)


def _make_signature(name: str, found: ClassFound, fields: dict[str, Parameter]) -> Signature:
    every = sorted(fields.values(), key=lambda item: item.kind == "keyword")
    origin = definitions.class_location(found)
    return Signature(name, tuple(every), more_positional=False, more_keywords=False, origin=origin)
