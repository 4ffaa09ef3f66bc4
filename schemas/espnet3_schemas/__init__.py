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
    """Return the schema ``<name>.schema.json``, for example ``load("training")``.

    Raises:
        FileNotFoundError: There is no schema of that name.
    """
    return _read(f"{name}.schema.json")


@cache
def systems() -> dict[str, Any]:
    """Return the table of systems and stage kinds, ``systems.json``."""
    return _read("systems.json")


def _read(file: str) -> dict[str, Any]:
    text = (Path(__file__).parent / file).read_text(encoding="utf-8")  # cheaper than resources
    value: dict[str, Any] = json.loads(text)
    return value
