"""JSON Schemas of the manifest and its configs, and the table of systems and stage kinds."""

import json
from functools import cache
from pathlib import Path
from typing import Any

ROLES = ("training", "inference", "metrics", "publication", "demo")
LOCK = "recipe.lock.json"
"""The file of ``build/`` that holds the sources of the build and its plan."""
TARGET = "_target_"
"""Key of a node that becomes an object: the dotted name of its class or function."""


@cache
def load(name: str) -> dict[str, Any]:
    """Return a schema, for example ``load("training")``, with definitions in place of ``$ref``.

    Raises:
        FileNotFoundError: There is no schema of that name.
    """
    return inline_definitions(load_as_written(name))


@cache
def load_as_written(name: str) -> dict[str, Any]:
    """Return the schema ``<name>.schema.json`` with its ``$ref``."""
    return _read(f"{name}.schema.json")


def inline_definitions(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema with the definition in place of every ``$ref``; what stands beside wins."""
    inlined: dict[str, Any] = _inline(schema, schema.get("$defs", {}))
    return inlined


def _inline(part: Any, definitions: dict[str, Any]) -> Any:
    if isinstance(part, list):
        return [_inline(item, definitions) for item in part]
    if not isinstance(part, dict):
        return part
    while "$ref" in part:
        beside = {key: value for key, value in part.items() if key != "$ref"}
        part = {**definitions[part["$ref"].removeprefix("#/$defs/")], **beside}
    return {key: _inline(value, definitions) for key, value in part.items()}


@cache
def systems() -> dict[str, Any]:
    """Return the table of systems and stage kinds, ``systems.json``."""
    return _read("systems.json")


@cache
def habits() -> dict[str, Any]:
    """Return what people bring along from other tools, ``habits.json``.

    ``classes`` lists, by the ``x-classes`` of a schema, the classes that people choose there;
    ``keys`` has, by its ``x-habits`` and by tool, keys of the tool and what to write for them;
    ``tags`` and ``resolvers`` have what to write for those of YAML loaders, Hydra and OmegaConf,
    with ARGUMENT for what stands behind the colon.
    """
    return _read("habits.json")


def _read(file: str) -> dict[str, Any]:
    text = (Path(__file__).parent / file).read_text(encoding="utf-8")  # cheaper than resources
    value: dict[str, Any] = json.loads(text)
    return value
