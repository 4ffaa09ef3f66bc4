"""Read the configs of a bundle safely, since others may have written them."""

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match
from jsonschema.validators import extend

from espnet3_runtime.config import iter_leaves
from espnet3_runtime.errors import UserError
from espnet3_schemas import load

_MOST_BYTES = 2_000_000
_MOST_VALUES = 100_000
_DEPTH = 100


class _PlainLoader(yaml.SafeLoader):
    """Reads YAML without aliases, nine lines of which can expand to billions of values.

    Its parser takes up to 0.1 ms and a kilobyte for each value, so their number is limited.
    """

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Compose one node, unless it is an alias or lies too deep."""
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("it uses an alias, which no bundle of pack_model does")
        self._values = getattr(self, "_values", 0) + 1
        if self._values > _MOST_VALUES:
            raise yaml.YAMLError(f"it has more than {_MOST_VALUES} keys and values")
        self._depth = getattr(self, "_depth", 0) + 1
        if self._depth > _DEPTH:
            raise yaml.YAMLError(f"it is nested more than {_DEPTH} levels deep")
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1


def read_mapping(path: Path) -> dict[str, Any]:
    """Read a YAML file that holds one mapping with names as keys.

    Raises:
        UserError: It is something else, too large, not UTF-8, or uses aliases.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise UserError(f'"{path}" has more than {_MOST_BYTES} bytes')
        loaded = yaml.load(path.read_text(encoding="utf-8"), Loader=_PlainLoader)  # noqa: S506 - safe
    except OSError as error:
        raise UserError(f'"{path}" cannot be read: {error.strerror}') from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f'"{path}" is no YAML that a bundle may hold: {reason}') from None
    if not isinstance(loaded, dict) or not all(isinstance(key, str) for key in loaded):
        raise UserError(f'"{path}" holds no mapping of names')
    return loaded


def check_texts(configs: Mapping[str, Any], bundle: Path) -> None:
    """Refuse texts of configs that nobody trusts, by which they could read this machine.

    Args:
        configs: Files of the bundle by name; ``bundle://`` is replaced, ``${…}`` is not.
        bundle: Its directory.

    Raises:
        UserError: A text is the path of something outside, or takes a value from here.
    """
    for where, text in iter_leaves(configs):
        if isinstance(text, str) and ("${" in text or _is_outside(text, bundle)):
            raise UserError(
                f'the bundle reads "{text:.80}", which is outside of it',
                where=where,
                hint="if you know who made it, pass trust_user_code=True (--trust_user_code)",
            )


def _is_outside(text: str, bundle: Path) -> bool:
    path, other = PurePosixPath(text), PureWindowsPath(text)
    if path.is_relative_to(bundle) and ".." not in path.parts:
        return False
    absolute = path.is_absolute() or other.is_absolute() or text.startswith(("~/", "file:"))
    exists = ("/" in text or "." in text) and os.path.exists(text)  # noqa: PTH110 - never raises
    return absolute or ".." in other.parts or exists


def check_config(config: Mapping[str, Any], role: str, left_out: Iterable[str], path: Path) -> None:
    """Refuse a composed config that does not fit the schema of its role.

    Args:
        config: With late values filled in.
        role: The role; all keys with a default in its schema have to be present.
        left_out: Top-level keys that may be absent.
        path: Of the file, for the message.

    Raises:
        UserError: It does not fit; the message names the key.
    """
    schema = {**load(role), "x-left-out": sorted(left_out)}
    error = best_match(_Validator(schema).iter_errors(dict(config)))
    if error is not None:
        where = error.json_path.removeprefix("$").removeprefix(".")
        key_path = f"{role}.{where}" if where else role
        raise UserError(f'"{path}" is no config of a bundle: {error.message:.200}', where=key_path)


def _check_properties(
    validator: Any, properties: Mapping[str, Any], instance: Any, schema: Mapping[str, Any]
) -> Iterator[ValidationError]:
    """Check properties as the standard says, and report missing keys that have a default."""
    yield from _STANDARD(validator, properties, instance, schema)
    if not isinstance(instance, dict):
        return
    for key, part in properties.items():
        if key not in instance and "default" in part and key not in schema.get("x-left-out", ()):
            yield ValidationError(f'"{key}" is missing')


_STANDARD = Draft202012Validator.VALIDATORS["properties"]
_Validator = extend(Draft202012Validator, {"properties": _check_properties})  # type: ignore[no-untyped-call]
