"""Signatures that nobody wrote: data classes, named tuples, enumerations, partials."""

import sys

from espnet3_compiler.signature import classes, definitions
from espnet3_compiler.signature.definitions import ClassFound
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.module_summary import ClassField
from espnet3_compiler.signature.resolve_name import MroClass
from espnet3_compiler.signature.result import (
    NotAnalyzable,
    Parameter,
    ParameterKind,
    Signature,
    SignatureResult,
)

_ENUM_OPTIONS = ("module", "qualname", "type", "start", "boundary")


def generated_constructor(
    library: Library, order: tuple[MroClass, ...], found: ClassFound, name: str
) -> SignatureResult:
    """Return what the constructor takes that ``@dataclass`` or ``NamedTuple`` writes.

    Args:
        library: Finds decorators and bases.
        order: The classes that attributes are looked for in, in their order.
        found: The class whose constructor is generated.
        name: What the signature is called in messages.
    """
    if classes.dataclass_options(library, found) is None:
        return _make_signature(
            name, found, [_field_parameter(item, found) for item in found.summary.fields]
        )
    behind = order[order.index(found) :]
    if any(isinstance(item, NotAnalyzable) for item in behind):
        return NotAnalyzable(f"a base of {found.name} cannot be read")
    fields: dict[str, Parameter] = {}
    for node in reversed(behind):
        options = classes.dataclass_options(library, node) if isinstance(node, ClassFound) else None
        if options is not None:
            assert isinstance(node, ClassFound)
            _add_fields(fields, node, by_name=bool(options.get("kw_only")))
    named = [item for item in fields.values() if item.kind == "name"]
    return _make_signature(name, found, [x for x in fields.values() if x.kind != "name"] + named)


def enum_signature(found: ClassFound, name: str) -> Signature:
    """Return what looking up a member of an enumeration takes."""
    origin = definitions.class_location(found)
    value = Parameter("value", "both", None, None, origin)
    names = Parameter("names", "both", "other", None, origin)
    rest = [Parameter(item, "name", "other", None, origin) for item in _ENUM_OPTIONS]
    more = sys.version_info >= (3, 12)
    return Signature(name, (value, names, *rest), more, more_names=False, origin=origin)


def bind_arguments(inner: Signature, places: int, given: set[str | None]) -> Signature:
    """Return what is left to give to ``functools.partial(f, …)``.

    Args:
        inner: What ``f`` takes.
        places: How many arguments are given by place.
        given: The arguments that are given by name.
    """
    gone = {item.name for item in inner.places[:places]}
    left: list[Parameter] = []
    by_name = False
    for item in inner.parameters:
        if item.name in gone:
            continue
        by_name = by_name or item.name in given
        kind: ParameterKind = "name" if by_name else item.kind
        default = "other" if item.name in given else item.default
        left.append(Parameter(item.name, kind, default, item.annotation, item.origin))
    return Signature(inner.name, tuple(left), inner.more_places, inner.more_names, inner.origin)


def _add_fields(fields: dict[str, Parameter], found: ClassFound, *, by_name: bool) -> None:
    for item in found.summary.fields:
        bare = item.annotation.strip("'\"").rpartition("typing.")[2]
        if bare.startswith("ClassVar"):
            continue
        if not item.init:
            fields.pop(item.name, None)
            continue
        named = item.by_name if item.by_name is not None else by_name
        fields[item.name] = _field_parameter(item, found, "name" if named else "both")


def _field_parameter(
    item: ClassField, found: ClassFound, kind: ParameterKind = "both"
) -> Parameter:
    return Parameter(
        item.name, kind, item.default, item.annotation, definitions.class_location(found)
    )


def _make_signature(name: str, found: ClassFound, parameters: list[Parameter]) -> Signature:
    origin = definitions.class_location(found)
    return Signature(name, tuple(parameters), more_places=False, more_names=False, origin=origin)
