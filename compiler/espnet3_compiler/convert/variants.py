"""Shorten configs: leave out default values, and write a variant as its differences."""

from typing import Any

from espnet3_compiler.schema.defaults import SchemaLocation, role_location
from espnet3_compiler.syntax.tree import Plain
from espnet3_schemas import TARGET, load

_NO_DEFAULT: Any = object()


def drop_defaults(value: dict[str, Plain], role: str) -> dict[str, Plain]:
    """Return a config of a role without the values that are its schema's defaults."""
    return _drop_slot_defaults(value, role_location(role, load(role)))


def _drop_slot_defaults(value: dict[str, Plain], slot: SchemaLocation) -> dict[str, Plain]:
    result: dict[str, Plain] = {}
    for key, inner in value.items():
        below = slot.child(key)
        default = _slot_default(below)
        if inner == default or _is_covered_by(inner, default):
            continue
        if not (isinstance(inner, dict) and TARGET not in inner and below.schema):
            result[key] = inner
        elif (less := _drop_slot_defaults(inner, below)) or not isinstance(default, dict):
            result[key] = less
    return result


def _is_covered_by(value: Plain, default: Any) -> bool:
    """Return whether a default target has the target and all arguments of a value."""
    return (
        isinstance(value, dict)
        and isinstance(default, dict)
        and TARGET in value
        and all(default.get(key, _NO_DEFAULT) == inner for key, inner in value.items())
    )


def variant_overrides(
    base: dict[str, Plain], variant: dict[str, Plain], role: str
) -> dict[str, Plain]:
    """Return the keys by which a variant differs from the config that it extends.

    Args:
        base: The config that the variant extends.
        variant: The config that is wanted.
        role: The role of both, whose schema has their defaults.
    """
    return _slot_overrides(base, variant, role_location(role, load(role)))


def _slot_overrides(
    base: dict[str, Plain], variant: dict[str, Plain], slot: SchemaLocation
) -> dict[str, Plain]:
    result: dict[str, Plain] = {}
    for key, inner in base.items():
        default = _slot_default(slot.child(key))
        if key in variant or inner == default:
            continue
        if default is _NO_DEFAULT:
            result[f"~{key}"] = None
        elif isinstance(default, dict) and isinstance(inner, dict) and TARGET not in default:
            result[key] = _slot_overrides(inner, default, slot.child(key))
        else:
            result[key] = default
    for key, value in variant.items():
        below = base.get(key)
        if key not in base:
            result[key] = value
        elif isinstance(value, dict) and isinstance(below, dict) and _is_extended(value, below):
            inner = _slot_overrides(below, value, slot.child(key))
            if inner:
                result[key] = inner
        elif value != below:
            result[key] = value
    return result


def _is_extended(value: dict[str, Plain], below: dict[str, Plain]) -> bool:
    """Return whether a mapping is merged into the one below it: not where the target differs."""
    return not {TARGET} <= value.keys() & below.keys() or value[TARGET] == below[TARGET]


def _slot_default(slot: SchemaLocation) -> Any:
    return slot.schema.get("default", _NO_DEFAULT)
