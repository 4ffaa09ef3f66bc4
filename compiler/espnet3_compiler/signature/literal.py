"""Judge whether a literal of a config fits an annotation: yes, no, or unknown (None).

An int fits float, a list fits tuple, a text fits a path; but ``true`` and ``"3"`` are no numbers.
Texts with ``${…}`` and nodes with ``_target_`` fit every type. Types that cannot be read (type
variables, protocols, names of packages that are not installed) are not judged.
"""

from collections.abc import Iterable, Iterator

from espnet3_compiler.expressions.template import has_reference
from espnet3_compiler.signature import types
from espnet3_compiler.signature.annotation import literal_kinds, parameter_type
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.result import Parameter
from espnet3_compiler.signature.types import Type
from espnet3_compiler.syntax.placeholder import has_certain_keys
from espnet3_compiler.syntax.tree import Mapping, Node, Scalar, Sequence
from espnet3_schemas import TARGET

Fit = bool | None

_TEXT_SEQUENCES = ("Sequence", "Iterable", "Collection", "Iterator")
"""List types that a text fits too, as a sequence of characters."""

_FITTING_KINDS: dict[str, tuple[str, ...]] = {
    "int": ("int",),
    "float": ("int", "float"),
    "complex": ("int", "float"),
    "Number": ("int", "float"),
    "str": ("str",),
    "bool": ("bool",),
    "Path": ("str",),
    "None": ("None",),
}


def fits_annotation(library: Library, parameter: Parameter, value: Node) -> Fit:
    """Return whether a value of a config fits the annotation of a parameter.

    Args:
        library: Looks up the names of the annotation.
        parameter: The parameter; where its annotation does not admit its own default
            (``x: int = None``), values of the default's type fit too.
        value: The value.

    Returns:
        None where it is unknown.
    """
    if parameter.annotation is None or _is_runtime_value(value):
        return None
    if _value_kind(value) in literal_kinds(parameter.annotation):
        return True
    wanted = parameter_type(library, parameter)
    default = parameter.default
    if default is not None and _value_kind(value) == default and not _admits_kind(wanted, default):
        return True
    return fits_type(wanted, value)


def _is_runtime_value(value: Node) -> bool:
    """Return whether a value is known only at run time, or built by a target."""
    if isinstance(value, Mapping):
        return value.entry(TARGET) is not None
    return isinstance(value, Scalar) and (has_reference(value.value) or value.value == "???")


def _is_plain_mapping(value: Node) -> bool:
    """Return whether a mapping has certainly no key that makes an object of it."""
    return isinstance(value, Mapping) and has_certain_keys(value) and not value.entry("task")


def _value_kind(value: Node) -> str:
    """Return ``int``, ``float``, ``str``, ``bool``, ``None``, ``list`` or ``dict``."""
    if isinstance(value, Mapping):
        return "dict"
    if isinstance(value, Sequence):
        return "list"
    return "None" if value.value is None else type(value.value).__name__


def fits_type(wanted: Type, value: Node) -> Fit:  # noqa: C901  one line for each kind of type
    """Return whether a value fits a type."""
    if _is_runtime_value(value):
        return True
    match wanted:
        case types.SimpleType(name):
            return _fits_simple(name, value)
        case types.InstanceType(module=module):
            closed = isinstance(value, Sequence) or _is_plain_mapping(value)
            return False if isinstance(value, Scalar) or (module and closed) else None
        case types.EnumType(words=words):
            return _fits_enum(words, value)
        case types.LiteralType(values):
            given = getattr(value, "value", value)
            return any(given == item and type(given) is type(item) for item in values)
        case types.UnionType(options):
            return _combine((fits_type(item, value) for item in options), decisive=True)
        case types.SequenceType(name, item):
            return _fits_sequence(name, item, value)
        case types.TupleType(items):
            if not isinstance(value, Sequence) or len(items) != len(value.items):
                return False
            return _combine(map(fits_type, items, value.items), decisive=False)
        case types.MappingType(value=inner):
            if not isinstance(value, Mapping):
                return False
            return _combine((fits_type(inner, entry.value) for entry in value), decisive=False)
        case types.UnknownType():
            return None


def innermost_mismatch(wanted: Type, value: Node, path: str = "") -> tuple[Type, Node, str]:
    """Return the innermost type and value that do not fit, and the path to the value.

    Args:
        wanted: A type.
        value: A value that does not fit it.
        path: The path to ``value``, as ``.key`` and ``[index]``.
    """
    for kind, inner, step in _typed_parts(wanted, value):
        if fits_type(kind, inner) is False:
            return innermost_mismatch(kind, inner, path + step)
    return wanted, value, path


def _typed_parts(wanted: Type, value: Node) -> Iterator[tuple[Type, Node, str]]:
    """Yield the parts of a list or mapping with the types that they must have."""
    match wanted:
        case types.UnionType(options):
            same = [item for item in options if _admits_kind(item, _value_kind(value))]
            if len(same) == 1:
                yield from _typed_parts(same[0], value)
        case types.SequenceType(item=item) if isinstance(value, Sequence):
            for index, inner in enumerate(value.items):
                yield item, inner, f"[{index}]"
        case types.TupleType(items) if isinstance(value, Sequence):
            if len(items) == len(value.items):
                for index, inner in enumerate(value.items):
                    yield items[index], inner, f"[{index}]"
        case types.MappingType(value=item) if isinstance(value, Mapping):
            for entry in value:
                yield item, entry.value, f".{entry.name}"


def _admits_kind(wanted: Type, kind: str) -> bool:
    """Return whether values of a kind (see ``_value_kind``) can fit a type at all."""
    match wanted:
        case types.SimpleType(name):
            return name not in _FITTING_KINDS or kind in _FITTING_KINDS[name]
        case types.LiteralType(values):
            return any(type(item).__name__.removesuffix("Type") == kind for item in values)
        case types.UnionType(options):
            return any(_admits_kind(item, kind) for item in options)
        case types.SequenceType(name):
            return kind == "list" or (kind == "str" and name in _TEXT_SEQUENCES)
        case types.TupleType():
            return kind == "list"
        case types.MappingType():
            return kind == "dict"
    return False


def _fits_simple(name: str, value: Node) -> Fit:
    kind = _value_kind(value)
    if name == "Any":
        return True
    if name == "Callable":
        return None if kind == "dict" else False
    return kind in _FITTING_KINDS[name] if name in _FITTING_KINDS else None


def _fits_enum(words: tuple[str, ...], value: Node) -> Fit:
    """Judge an enumeration: the name or value of a member fits, in upper or lower case."""
    if not isinstance(value, Scalar):
        return None
    known = {item.casefold() for item in words}
    return True if str(value.value).casefold() in known else None


def _fits_sequence(name: str, item: Type, value: Node) -> Fit:
    if isinstance(value, Sequence):
        return _combine((fits_type(item, inner) for inner in value.items), decisive=False)
    if name not in _TEXT_SEQUENCES:
        return False
    if isinstance(value, Mapping):
        return None
    if not isinstance(value.value, str):
        return False
    if isinstance(item, types.LiteralType):
        return all(letter in item.values for letter in value.value)
    return fits_type(item, value)  # a text is a sequence of texts, of nothing else


def _combine(verdicts: Iterable[Fit], *, decisive: bool) -> Fit:
    """Return the decisive verdict if there is one, else None if one is unknown."""
    found = set(verdicts)
    if decisive in found:
        return decisive
    return None if None in found else not decisive
