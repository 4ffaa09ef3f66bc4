"""Signatures without a ``def``: data classes, named tuples, partials."""

from espnet3_compiler.signature import classes, definitions
from espnet3_compiler.signature.definitions import ClassFound
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.resolve_name import MroClass
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
