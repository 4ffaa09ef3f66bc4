"""What an annotation says, as a small tree of types without names that must be looked up."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Plain:
    """A type without parts: ``int``, ``str``, ``Callable`` … or ``Any``, which everything fits."""

    name: str


@dataclass(frozen=True, slots=True)
class Instance:
    """An object of a class, which no literal is."""

    name: str


@dataclass(frozen=True, slots=True)
class Member:
    """A member of an enumeration; ``words`` are names and values of its members."""

    name: str
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Literals:
    """One of some values."""

    values: tuple[str | int | bool | None, ...]


@dataclass(frozen=True, slots=True)
class Either:
    """One of some types."""

    options: tuple["Type", ...]


@dataclass(frozen=True, slots=True)
class Many:
    """A list (``list``, ``Sequence`` …) or tuple of any length, all items of one type."""

    name: str
    item: "Type"


@dataclass(frozen=True, slots=True)
class Fixed:
    """A tuple of known length."""

    items: tuple["Type", ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A mapping from texts."""

    name: str
    value: "Type"


@dataclass(frozen=True, slots=True)
class Unread:
    """Something that cannot be judged; ``text`` as it is written."""

    text: str


Type = Plain | Instance | Member | Literals | Either | Many | Fixed | Table | Unread

ANY = Plain("Any")
NONE = Plain("None")


def words(found: Type) -> str:
    """Return a type as a person writes it."""
    match found:
        case Plain(name) | Instance(name) | Member(name) | Unread(name):
            return name
        case Literals(values):
            return " | ".join(
                f'"{item}"' if isinstance(item, str) else str(item) for item in values
            )
        case Either(options):
            return " | ".join(dict.fromkeys(words(item) for item in options))
        case Many("tuple", item):
            return f"tuple[{words(item)}, ...]"
        case Many(name, item) | Table(name, item) if item == ANY:
            return name
        case Many(name, item):
            return f"{name}[{words(item)}]"
        case Fixed(items):
            return f"tuple[{', '.join(map(words, items))}]"
        case Table(name, value):
            return f"{name}[str, {words(value)}]"
