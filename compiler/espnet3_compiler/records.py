"""``dataclass``, ``field`` and ``replace`` as of the standard library, made in a tenth of the time.

The compiler has a hundred records, and a check lasts a few tenths of a second: a third of that
would go into importing ``dataclasses`` (with ``inspect``) and into compiling six methods for each
class.  Here a class compiles its ``__init__`` alone, for its first instance; the other methods are
the same functions for all.  To type checkers these are the real ones, and ``dataclasses.fields``,
``replace`` and ``asdict`` take the classes as they take their own.

Left out, because nothing needs it: inherited fields, ``order``, ``kw_only``, ``InitVar``.
"""

from collections.abc import Callable, Iterator
from operator import attrgetter
from typing import TYPE_CHECKING, Any

_MISSING: Any = object()
_FIELDS = "__record_fields__"
_COMPARED = "__record_compared__"


class _Field:
    """What a class body says about one field; see ``dataclasses.field``."""

    __slots__ = ("compare", "default", "default_factory", "name", "repr")

    def __init__(self, default: Any, default_factory: Any, shown: bool, compare: bool) -> None:
        self.name = ""
        self.default = default
        self.default_factory = default_factory
        self.repr = shown
        self.compare = compare


def _field(
    *,
    default: Any = _MISSING,
    default_factory: Callable[[], Any] | None = None,
    repr: bool = True,  # noqa: A002 - its name in dataclasses
    compare: bool = True,
) -> Any:
    return _Field(default, default_factory, repr, compare)


def _replace(record: Any, /, **changes: Any) -> Any:
    for each in record.__record_fields__:
        if each.name not in changes:
            changes[each.name] = getattr(record, each.name)
    return record.__class__(**changes)


def _dataclass(
    cls: type | None = None, /, *, frozen: bool = False, slots: bool = False, eq: bool = True
) -> Any:
    if cls is None:
        return lambda cls: _dataclass(cls, frozen=frozen, slots=slots, eq=eq)
    fields = tuple(_fields(cls))
    names = tuple(each.name for each in fields)
    members: dict[str, Any] = {
        _FIELDS: fields,
        "__dataclass_fields__": _StandardFields(),
        "__match_args__": names,
        "__init__": _first_constructor(cls.__qualname__, fields, frozen),
        "__repr__": cls.__dict__.get("__repr__", _repr),
    }
    if eq:
        compared = [each.name for each in fields if each.compare]
        members[_COMPARED] = attrgetter(*(compared or ["__class__"]))
        members |= {"__eq__": _equal, "__hash__": _hash if frozen else None}
    if frozen:
        members |= {"__setattr__": _refuse, "__delattr__": _refuse}
    if slots:
        return _with_slots(cls, names, members)
    for each in fields:  # as in dataclasses, defaults stay readable on the class
        if each.default is not _MISSING:
            setattr(cls, each.name, each.default)
        elif each.default_factory:
            delattr(cls, each.name)
    for name, value in members.items():
        setattr(cls, name, value)
    return cls


def _fields(cls: type) -> Iterator[_Field]:
    for name in cls.__annotations__:
        given = cls.__dict__.get(name, _MISSING)
        each = given if isinstance(given, _Field) else _Field(given, None, True, True)
        each.name = name
        yield each


def _first_constructor(name: str, fields: tuple[_Field, ...], frozen: bool) -> Any:
    """Return an ``__init__`` that puts the compiled one in its place: most records stay unused."""

    def __init__(self: Any, *values: Any, **named: Any) -> None:  # noqa: N807 - it is one
        compiled = _constructor(name, fields, frozen)
        self.__class__.__init__ = compiled
        compiled(self, *values, **named)

    return __init__


def _constructor(name_of_class: str, fields: tuple[_Field, ...], frozen: bool) -> Any:
    """Compile ``__init__``; defaults and factories reach it as globals, the rest by name."""
    known: dict[str, Any] = {"_set": object.__setattr__, "_missing": _MISSING}
    parameters, lines = ["self"], []
    for each in fields:
        name, value = each.name, each.name
        default = each.default
        if each.default_factory:
            default, value = _MISSING, f"_make_{name}() if {name} is _missing else {name}"
            known[f"_make_{name}"] = each.default_factory
        known[f"_default_{name}"] = default
        is_optional = each.default_factory or default is not _MISSING
        parameters.append(f"{name}=_default_{name}" if is_optional else name)
        lines.append(f"  _set(self, {name!r}, {value})" if frozen else f"  self.{name} = {value}")
    body = "\n".join(lines) or "  pass"
    exec(f"def __init__({', '.join(parameters)}):\n{body}", known)  # noqa: S102 - names of fields
    made = known["__init__"]
    made.__qualname__ = f"{name_of_class}.__init__"
    return made


def _with_slots(cls: type, names: tuple[str, ...], members: dict[str, Any]) -> type:
    """Return the class anew: slots cannot be added to one that exists."""
    left_out = ("__dict__", "__weakref__", *names)
    own = {name: value for name, value in cls.__dict__.items() if name not in left_out}
    made = type(cls)(cls.__name__, cls.__bases__, own | members | {"__slots__": names})
    made.__qualname__ = cls.__qualname__
    return made


def _repr(self: Any) -> str:
    shown = [each.name for each in self.__record_fields__ if each.repr]
    values = ", ".join(f"{name}={getattr(self, name)!r}" for name in shown)
    return f"{self.__class__.__qualname__}({values})"


def _equal(self: Any, other: Any) -> Any:
    if other.__class__ is not self.__class__:
        return NotImplemented
    return self.__record_compared__(self) == self.__record_compared__(other)


def _hash(self: Any) -> int:
    return hash(self.__record_compared__(self))


def _refuse(self: object, name: str, *_: object) -> None:
    raise AttributeError(f"cannot change {name!r} of a frozen {self.__class__.__qualname__}")


class _StandardFields:
    """``__dataclass_fields__``: made when somebody asks for it."""

    def __get__(self, instance: object, owner: type) -> dict[str, Any]:
        import dataclasses

        made = dataclasses.make_dataclass(
            owner.__name__,
            [
                (each.name, owner.__annotations__[each.name], _standard(each))
                for each in owner.__record_fields__  # type: ignore[attr-defined]
            ],
        )
        return {each.name: each for each in dataclasses.fields(made)}


def _standard(each: _Field) -> Any:
    import dataclasses

    default = {} if each.default is _MISSING else {"default": each.default}
    factory = {"default_factory": each.default_factory} if each.default_factory else {}
    return dataclasses.field(**default, **factory, repr=each.repr, compare=each.compare)


if TYPE_CHECKING:
    from dataclasses import dataclass, field, replace
else:
    dataclass, field, replace = _dataclass, _field, _replace

__all__ = ("dataclass", "field", "replace")
