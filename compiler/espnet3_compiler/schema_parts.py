"""What a schema says about one place, with its references followed."""

from typing import Any

from espnet3_compiler.read_steps import is_legible
from espnet3_compiler.tree import Mapping, Node

Schema = dict[str, Any]


def resolved(schema: Schema, root: Schema, node: Node | None) -> Schema:
    """Return a schema with ``$ref`` followed and, for a known mapping, ``if`` decided.

    Where a key could not be read, it may be the one that decides: then neither branch counts.

    Args:
        schema: A part of a schema.
        root: The whole schema, for ``$defs``.
        node: What is judged by it; None leaves ``if`` undecided.
    """
    while "$ref" in schema:
        rest = {key: value for key, value in schema.items() if key != "$ref"}
        schema = {**root["$defs"][schema["$ref"].removeprefix("#/$defs/")], **rest}
    if "if" in schema and isinstance(node, Mapping):
        rest = {key: value for key, value in schema.items() if key not in ("if", "then", "else")}
        if not is_legible(node):
            return rest
        given = {entry.name for entry in node}
        branch = "then" if given.issuperset(schema["if"]["required"]) else "else"
        return {**resolved(schema.get(branch, {}), root, node), **rest}
    return schema
