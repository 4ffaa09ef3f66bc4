"""The types that annotations are read into: a small tree without names to look up."""

from msgspec import Struct


class SimpleType(Struct, frozen=True):
    """A type without parts: ``int``, ``str``, ``Callable`` … or ``Any``, which everything fits."""

    name: str


class InstanceType(Struct, frozen=True):
    """An object of a class; no number or text fits it.

    Attributes:
        name: The class.
        module: Whether it is a ``torch.nn.Module``, which no mapping or list fits either.
    """

    name: str
    module: bool = False


class EnumType(Struct, frozen=True):
    """A member of an enumeration; ``words`` are the names and values of its members."""

    name: str
    words: tuple[str, ...]


class LiteralType(Struct, frozen=True):
    """One of some values."""

    values: tuple[str | int | bool | None, ...]


class UnionType(Struct, frozen=True):
    """One of some types."""

    options: tuple["Type", ...]


class SequenceType(Struct, frozen=True):
    """A list (``list``, ``Sequence`` …) or tuple of any length, all items of one type."""

    name: str
    item: "Type"


class TupleType(Struct, frozen=True):
    """A tuple of known length."""

    items: tuple["Type", ...]


class MappingType(Struct, frozen=True):
    """A mapping from texts."""

    name: str
    value: "Type"


class UnknownType(str):
    """A type that cannot be judged, its text; no tuple, which a ``SimpleType`` would equal."""

    __slots__ = ()


Type = (
    SimpleType
    | InstanceType
    | EnumType
    | LiteralType
    | UnionType
    | SequenceType
    | TupleType
    | MappingType
    | UnknownType
)

ANY = SimpleType("Any")
NONE = SimpleType("None")


def format_type(found: Type) -> str:
    """Return a type as a person writes it."""
    match found:
        case SimpleType(name) | InstanceType(name) | EnumType(name) | UnknownType(name):
            return name
        case LiteralType(values):
            return " | ".join(
                f'"{item}"' if isinstance(item, str) else str(item) for item in values
            )
        case UnionType(options):
            return " | ".join(dict.fromkeys(format_type(item) for item in options))
        case SequenceType("tuple", item):
            return f"tuple[{format_type(item)}, ...]"
        case SequenceType(name, item) | MappingType(name, item) if item == ANY:
            return name
        case SequenceType(name, item):
            return f"{name}[{format_type(item)}]"
        case TupleType(items):
            return f"tuple[{', '.join(map(format_type, items))}]"
        case MappingType(name, value):
            return f"{name}[str, {format_type(value)}]"
