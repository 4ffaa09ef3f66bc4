"""JSON of locks, receipts and requests as dataclasses: every wrong field is one clear error."""

from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from types import UnionType
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from espnet3_runtime.errors import BuildError

T = TypeVar("T")
RECOMPILE_HINT = "compile the recipe again"


def read_record(kind: type[T], value: Any, where: str, /, **given: Any) -> T:
    """Return a dataclass from a JSON object; further keys are ignored.

    Args:
        kind: The dataclass; a missing field takes its default, or is null.
        value: The decoded JSON.
        where: How messages name it, for example ``recipe.lock.json: stages[2]``.
        **given: Values of fields that are not read from the JSON.

    Raises:
        BuildError: It is not an object, or a field has another type.
    """
    if not isinstance(value, dict):
        raise BuildError(f"{where} is not an object", hint=RECOMPILE_HINT)
    found = dict(given)
    for name, of_type, has_default in _typed_fields(kind):  # type: ignore[arg-type]
        if name not in given and (name in value or not has_default):
            found[name] = _read_value(of_type, value.get(name), f"{where}: {name}")
    return kind(**found)


def check_field(condition: object, where: str, expected: str, found: object) -> None:
    """Refuse a field whose value is not as expected.

    Args:
        condition: Whether it does.
        where: The file and the field.
        expected: What it must be, for the message.
        found: Its value.

    Raises:
        BuildError: The condition does not hold.
    """
    if not condition:
        file, _, key = where.rpartition(": ")
        message = f'{file}: "{key}" must be {expected}, found {found!r:.60}'
        raise BuildError(message, hint=RECOMPILE_HINT)


@cache
def _typed_fields(kind: Any) -> tuple[tuple[str, Any, bool], ...]:
    """Return the fields of a dataclass: name, type, and whether it may be missing."""
    types, found = get_type_hints(kind), []
    for one in fields(kind):
        has_default = one.default is not MISSING or one.default_factory is not MISSING
        found.append((one.name, types[one.name], has_default))
    return tuple(found)


@cache
def _parts_of_type(kind: Any) -> tuple[Any, tuple[Any, ...], bool]:
    return get_origin(kind), get_args(kind), is_dataclass(kind)


def _read_value(kind: Any, value: Any, where: str) -> Any:
    if kind is Any or type(value) is kind:
        return value
    origin, inner, is_record = _parts_of_type(kind)
    if isinstance(kind, UnionType):
        if type(value) in inner:
            return value
        kind = next((x for x in inner if isinstance(value, _parts_of_type(x)[0] or x)), inner[0])
        return _read_value(kind, value, where)
    if is_record:
        return read_record(kind, value, where)
    if origin is Literal:
        check_field(value in inner, where, ", ".join(inner), value)
        return value
    if origin is tuple and isinstance(value, list):
        return tuple(
            _read_value(inner[0], item, f"{where}[{index}]") for index, item in enumerate(value)
        )
    if origin is Mapping and isinstance(value, dict):
        if inner[1] is Any:
            return value
        return {key: _read_value(inner[1], item, f"{where}.{key}") for key, item in value.items()}
    expected: Any = {tuple: list, Mapping: dict, float: (int, float)}.get(origin or kind, kind)
    fits = isinstance(value, expected) and (kind is bool or not isinstance(value, bool))
    check_field(fits, where, f"of type {getattr(kind, '__name__', kind)}", value)
    return value
