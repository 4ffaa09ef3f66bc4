"""Go down a tree and its JSON Schema together."""

import re

from espnet3_compiler.schema.types import Schema
from espnet3_compiler.syntax.placeholder import has_certain_keys
from espnet3_compiler.syntax.tree import Mapping, Node, Path, Scalar, Sequence

_PATTERNS = "patternProperties"

SchemaNode = tuple[Path, Node, Schema | None]
"""A node with its path and its schema, None for the value of an unknown key."""


def effective_schema(schema: Schema, node: Node | None) -> Schema:
    """Return a schema with its ``if`` decided for a mapping.

    Where a key could not be read, it may be the key that decides: then neither branch counts.
    """
    if "if" not in schema or not isinstance(node, Mapping):
        return schema
    rest = {key: value for key, value in schema.items() if key not in ("if", "then", "else")}
    if not has_certain_keys(node):
        return rest
    given = {entry.name for entry in node}
    branch = "then" if given.issuperset(schema["if"]["required"]) else "else"
    return {**schema.get(branch, {}), **rest}


def child_schema(schema: Schema, step: str | int) -> Schema | None:
    """Return the schema of a key or an item: empty where anything goes, None for unknown keys."""
    if isinstance(step, int):
        positions = schema.get("prefixItems", ())
        below = positions[step] if step < len(positions) else schema.get("items")
        return below if isinstance(below, dict) else {}
    known = schema.get("properties", {})
    if step in known:
        below = known[step]
    elif _PATTERNS in schema and any(re.search(one, step) for one in schema[_PATTERNS]):
        return {}
    else:
        below = schema.get("additionalProperties")
    return None if below is False else below if isinstance(below, dict) else {}


def walk_schema(node: Node, schema: Schema) -> list[SchemaNode]:
    """Return every node with its path and its schema, None for the value of an unknown key.

    Nothing is said of what is below keys that are unknown or could not be read.

    Args:
        node: The tree.
        schema: Its schema.
    """
    found: list[SchemaNode] = []  # a generator would take twice the time
    _add_nodes(found, node, schema, ())
    return found


def _add_nodes(found: list[SchemaNode], node: Node, schema: Schema | None, path: Path) -> None:
    if schema is None or isinstance(node, Scalar):
        found.append((path, node, schema))
        return
    schema = effective_schema(schema, node)
    found.append((path, node, schema))
    if isinstance(node, Sequence):
        for index, item in enumerate(node.items):
            _add_nodes(found, item, child_schema(schema, index), (*path, index))
        return
    known = schema.get("properties", {})
    for key, value in node.entries:
        name = str(key.value)
        below = None if key.style == "error" else known.get(name) or child_schema(schema, name)
        if isinstance(value, Scalar):  # most values are; a call for each would double the time
            found.append(((*path, name), value, below))
        else:
            _add_nodes(found, value, below, (*path, name))
