"""What the schema says about a place of a document."""

from typing import Any

from espnet3_compiler.syntax.tree import Path
from espnet3_schemas import load

Schema = dict[str, Any]


def schema_at(role: str, path: Path) -> Schema | None:
    """Return the schema of the value at a path, None where the schema leaves it open."""
    if not role:
        return None
    root = load(role)
    node: Schema | None = root
    for step in path:
        node = _child(_resolve(node, root), step)
        if node is None:
            return None
    return _resolve(node, root)


def _resolve(node: Schema | None, root: Schema) -> Schema:
    while node and "$ref" in node:
        target: Any = root
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        node = {**target, **{k: v for k, v in node.items() if k != "$ref"}}
    return node or {}


def _child(node: Schema, step: str | int) -> Schema | None:
    if isinstance(step, int):
        items = node.get("items")
        return items if isinstance(items, dict) else None
    if step in node.get("properties", {}):
        found: Schema = node["properties"][step]
        return found
    more = node.get("additionalProperties")
    return more if isinstance(more, dict) and more else None


def is_closed(node: Schema | None) -> bool:
    """Tell whether a mapping of this schema admits only the keys that it lists."""
    return bool(node) and node is not None and node.get("additionalProperties") is False


def types_of(node: Schema | None) -> set[str]:
    """Return the JSON types that a schema admits, empty where it does not say."""
    kind = (node or {}).get("type", [])
    return {kind} if isinstance(kind, str) else set(kind)
