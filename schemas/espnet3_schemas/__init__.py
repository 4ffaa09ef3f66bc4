"""JSON Schemas of the manifest and its configs, and the table of systems and stage kinds."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

ROLES = ("training", "inference", "metrics", "publication", "demo")
LOCK = "recipe.lock.json"
"""The file of ``build/`` that holds the sources of the build and its plan."""
SYSTEMS = ("base", "enh", "cls", "tts", "asr", "ssl")
"""The Systems that ship; one stands behind those whose kinds it varies."""
TARGET = "_target_"
"""Key of a node that becomes an object: the dotted name of its class or function."""
TASK_SIZES = {"frontend": "input_size", "feats_extract": "odim"}
"""Parts of ESPnet2's models that may be null where an option gives the size of what they make."""
IN_PACKAGE = "package:"
"""Begins the name of a source that an installed package holds."""

_WITH_PARTS = (dict, list)
_NEW_KIND: dict[str, Any] = {
    "title": "",
    "roles": {},
    "model": "none",
    "needs_torch": True,
    "signs": True,
    "consumes": [],
    "outputs": {},
}
_NEW_USE = {"required": True, "reads": ["*"]}
_NEW_OUTPUT = {"type": "path", "title": ""}


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
    definitions, inlined = schema.get("$defs", {}), dict[str, Any]()
    rest = {key: value for key, value in schema.items() if key != "$defs"}
    whole: dict[str, Any] = _inline(rest, definitions, inlined)
    if definitions:
        whole["$defs"] = {name: _definition(name, definitions, inlined) for name in definitions}
    return whole


def _inline(part: Any, definitions: dict[str, Any], inlined: dict[str, Any]) -> Any:
    if not isinstance(part, dict):
        return [
            _inline(item, definitions, inlined) if isinstance(item, _WITH_PARTS) else item
            for item in part
        ]
    own = {
        key: _inline(value, definitions, inlined) if isinstance(value, _WITH_PARTS) else value
        for key, value in part.items()  # most are texts and numbers
    }
    if not isinstance(own.get("$ref"), str):
        return own
    name = own.pop("$ref").removeprefix("#/$defs/")
    return {**_definition(name, definitions, inlined), **own}


def _definition(name: str, definitions: dict[str, Any], inlined: dict[str, Any]) -> dict[str, Any]:
    if name not in inlined:
        inlined[name] = _inline(definitions[name], definitions, inlined)
    found: dict[str, Any] = inlined[name]
    return found


@cache
def systems() -> dict[str, Any]:
    """Return the Systems that ship, as ``systems/*.json`` declare them, and all their stage kinds.

    ``systems`` has, by the name that a manifest gives, ``class``, ``title``, the ``kinds`` in their
    order, and the ``roles`` that it has defaults for; ``kinds`` what each kind reads and makes, see
    :func:`vary_kinds`.
    """
    declared = {name: _read(f"systems/{name}.json") for name in SYSTEMS}
    kinds: dict[str, dict[str, Any]] = {}
    for one in declared.values():
        kinds = vary_kinds(kinds, one.get("kinds", {}))
    order = [kind for one in reversed(declared.values()) for kind in one["stages"]]
    table = {
        name: {
            "class": one["class"],
            "title": one["title"],
            "kinds": one["stages"],
            "roles": one.get("roles", {}),
        }
        for name, one in declared.items()
    }
    return {"systems": table, "kinds": {kind: kinds[kind] for kind in dict.fromkeys(order)}}


def vary_kinds(
    kinds: Mapping[str, dict[str, Any]], declared: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Return stage kinds with those that a declaration adds or varies.

    What it consumes, roles and outputs are added to those of a kind of the same name, other keys
    replace.  What a
    new kind leaves out is filled in: it uses no model, needs torch, and signs what it makes.

    Args:
        kinds: Complete kinds, by name.
        declared: The ``kinds`` of a declaration, see ``system.schema.json``.
    """
    varied = dict(kinds)
    for name, entry in declared.items():
        kind = varied.get(name, _NEW_KIND)
        roles = {role: {**_NEW_USE, **use} for role, use in entry.get("roles", {}).items()}
        outputs = {key: {**_NEW_OUTPUT, **one} for key, one in entry.get("outputs", {}).items()}
        whole = {
            "roles": kind["roles"] | roles,
            "consumes": list(dict.fromkeys([*kind["consumes"], *entry.get("consumes", ())])),
            "outputs": kind["outputs"] | outputs,
        }
        varied[name] = {**kind, **entry, **whole}
    return varied


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
