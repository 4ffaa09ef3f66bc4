"""Write little: leave out what is a default anyway, and write a variant as its differences."""

from typing import Any

from espnet3_compiler.compose_defaults import Slot, slot_of
from espnet3_compiler.schema_parts import resolved
from espnet3_compiler.tree import Plain
from espnet3_schemas import TARGET, load

_NOTHING: Any = object()


def trimmed(value: dict[str, Plain], role: str) -> dict[str, Plain]:
    """Return a config of a role without the values that its schema gives by itself."""
    return _trimmed(value, slot_of(role, load(role)))


def _trimmed(value: dict[str, Plain], slot: Slot) -> dict[str, Plain]:
    result: dict[str, Plain] = {}
    for key, inner in value.items():
        below = slot.child(key)
        default = _default(below)
        if inner == default:
            continue
        if _is_inside(inner, default):
            continue
        if not (isinstance(inner, dict) and TARGET not in inner and below.schema):
            result[key] = inner
        elif (less := _trimmed(inner, below)) or not isinstance(default, dict):
            result[key] = less
    return result


def _is_inside(value: Plain, default: Any) -> bool:
    """Return whether a default target with its arguments says all that a value says."""
    return (
        isinstance(value, dict)
        and isinstance(default, dict)
        and TARGET in value
        and all(default.get(key, _NOTHING) == inner for key, inner in value.items())
    )


def differences(base: dict[str, Plain], variant: dict[str, Plain], role: str) -> dict[str, Plain]:
    """Return what has to be laid over a config of a role to get another one.

    Args:
        base: The config that the other one extends.
        variant: The config that is wanted.
        role: The role of both, whose schema says how lists and targets are merged.
    """
    return _differences(base, variant, slot_of(role, load(role)))


def _differences(base: dict[str, Plain], variant: dict[str, Plain], slot: Slot) -> dict[str, Plain]:
    result: dict[str, Plain] = {}
    for key, inner in base.items():
        default = _default(slot.child(key))
        if key in variant or inner == default:
            continue
        if default is _NOTHING:
            result[f"~{key}"] = None
        elif isinstance(default, dict) and isinstance(inner, dict) and TARGET not in default:
            result[key] = _differences(inner, default, slot.child(key))
        else:
            result[key] = default
    for key, value in variant.items():
        below = base.get(key)
        if key not in base:
            result[key] = value
        elif isinstance(value, dict) and isinstance(below, dict) and not _replaces(value, below):
            inner = _differences(below, value, slot.child(key))
            if inner:
                result[key] = inner
        elif value != below:
            result[key] = value
    return result


def _replaces(value: dict[str, Plain], below: dict[str, Plain]) -> bool:
    """Return whether a mapping inherits nothing from the one under it: both are other targets."""
    return TARGET in value and TARGET in below and value[TARGET] != below[TARGET]


def _default(slot: Slot) -> Any:
    return resolved(slot.schema, slot.root, None).get("default", _NOTHING)
