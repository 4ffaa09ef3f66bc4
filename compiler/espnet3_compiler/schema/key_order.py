"""Keys in the order of a schema, so that a composed config reads like its reference."""

from espnet3_compiler.schema.descent import child_schema
from espnet3_compiler.schema.types import Schema
from espnet3_compiler.syntax.tree import Plain


def in_schema_order(value: Plain, schema: Schema) -> Plain:
    """Return a value with its keys in the order of its schema; keys it does not name come last."""
    if isinstance(value, list):
        return [
            in_schema_order(item, child_schema(schema, index) or {})
            for index, item in enumerate(value)
        ]
    if not isinstance(value, dict):
        return value
    named = schema.get("properties", {})
    names = [*(name for name in named if name in value), *(n for n in value if n not in named)]
    return {name: in_schema_order(value[name], child_schema(schema, name) or {}) for name in names}
