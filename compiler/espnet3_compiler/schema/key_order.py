"""Keys in the order of a schema, so that a composed config reads like its reference."""

from collections.abc import Mapping
from typing import Any

from espnet3_compiler.syntax.tree import Plain

Schema = Mapping[str, Any]


def in_schema_order(value: Plain, schema: Schema, root: Schema | None = None) -> Plain:
    """Return a value with its keys in the order of a schema; keys it does not name come last.

    Args:
        value: The composed value.
        schema: The schema of the value.
        root: The schema document that ``#/$defs/…`` refers to; ``schema`` itself by default.
    """
    root = schema if root is None else root
    whole = _resolve_ref(schema, root)
    if isinstance(value, list):
        items = _as_schema(whole.get("items"))
        return [in_schema_order(item, items, root) for item in value]
    if not isinstance(value, dict):
        return value
    properties = whole.get("properties", {})
    others = _as_schema(whole.get("additionalProperties"))
    names = [name for name in properties if name in value]
    names += [name for name in value if name not in properties]
    return {
        name: in_schema_order(value[name], properties.get(name, others), root) for name in names
    }


def _as_schema(value: object) -> Schema:
    """Return a sub-schema; true, false and none say nothing about order."""
    return value if isinstance(value, dict) else {}


def _resolve_ref(schema: Schema, root: Schema) -> Schema:
    reference = schema.get("$ref")
    if not isinstance(reference, str):
        return schema
    found: Any = root
    for step in reference.removeprefix("#/").split("/"):
        found = found[step]
    return {**_resolve_ref(found, root), **schema}
