"""What the schema says about a place of a document."""

from espnet3_compiler.schema.descent import child_schema
from espnet3_compiler.schema.types import Schema
from espnet3_compiler.syntax.tree import Path
from espnet3_schemas import load


def schema_at(role: str, path: Path) -> Schema | None:
    """Return the schema of the value at a path, None where the schema leaves it open."""
    if not role:
        return None
    schema: Schema | None = load(role)
    for step in path:
        if not schema or "prefixItems" in schema:
            return None
        schema = child_schema(schema, step)
    return schema or None


def is_closed(node: Schema | None) -> bool:
    """Tell whether a mapping of this schema admits only the keys that it lists."""
    return bool(node) and node is not None and node.get("additionalProperties") is False


def types_of(node: Schema | None) -> set[str]:
    """Return the JSON types that a schema admits, empty where it does not say."""
    kind = (node or {}).get("type", [])
    return {kind} if isinstance(kind, str) else set(kind)
