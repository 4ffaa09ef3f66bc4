"""The defaults that a JSON Schema gives to the keys of a mapping."""

import json
from typing import Any, NamedTuple

from espnet3_compiler.schema_parts import Schema, resolved
from espnet3_compiler.source import Source, Span
from espnet3_compiler.tree import Entry, Mapping, Node, Scalar, Sequence

ANYTHING: Schema = {}


class Slot(NamedTuple):
    """A place in a config, and what the schema says about it.

    Attributes:
        title: What the texts of defaults are called, for example ``defaults of training``.
        root: The whole schema, for its ``$defs``.
        schema: The part for this place; empty where anything goes.
        path: The dotted place, for the texts of defaults.
    """

    title: str = ""
    root: Schema = ANYTHING
    schema: Schema = ANYTHING
    path: str = ""

    def child(self, name: str, node: Node | None = None) -> "Slot":
        """Return the slot of a key; ``node`` is the mapping, for schemas that depend on it."""
        schema = resolved(self.schema, self.root, node)
        below = schema.get("properties", {}).get(name, schema.get("additionalProperties"))
        return self._below(below, f"{self.path}.{name}" if self.path else name)

    def item(self, index: int) -> "Slot":
        """Return the slot of a list's item."""
        schema = resolved(self.schema, self.root, None)
        places = schema.get("prefixItems", [])
        below = places[index] if index < len(places) else schema.get("items")
        return self._below(below, f"{self.path}[]")

    def _below(self, schema: object, path: str) -> "Slot":
        return Slot(self.title, self.root, schema if isinstance(schema, dict) else {}, path)


def slot_of(role: str, schema: Schema) -> Slot:
    """Return the slot of a whole config in a role."""
    return Slot(f"defaults of {role}", schema, schema)


def defaults(slot: Slot) -> Mapping:
    """Return the defaults of the keys of a mapping, also those inside default mappings."""
    schema = resolved(slot.schema, slot.root, None)
    entries = []
    for name in schema.get("properties", {}):
        below = slot.child(name)
        part = resolved(below.schema, below.root, None)
        if "default" in part:
            entries.append(_entry(name, _default(below, part["default"]), below))
    return Mapping(tuple(entries), _span(slot, {}))


def _default(slot: Slot, value: Any) -> Node:
    node = _node(slot, value)
    if not isinstance(node, Mapping):
        return node
    given = {entry.name for entry in node}
    inner = [entry for entry in defaults(slot) if entry.name not in given]
    return Mapping((*node.entries, *inner), node.span)


def _node(slot: Slot, value: Any) -> Node:
    span = _span(slot, value)
    if isinstance(value, dict):
        entries = []
        for name, inner in value.items():
            below = slot.child(name)
            entries.append(_entry(name, _node(below, inner), below))
        return Mapping(tuple(entries), span)
    if isinstance(value, list):
        return Sequence(tuple(_node(slot.item(i), inner) for i, inner in enumerate(value)), span)
    return Scalar(value, span)


def _entry(name: str, value: Node, slot: Slot) -> Entry:
    source = value.span.source
    end = len(slot.path)
    return Entry(Scalar(name, Span(source, end - len(name), end)), value)


def _span(slot: Slot, value: object) -> Span:
    text = f"{slot.path}: {json.dumps(value)}"
    return Span(Source(slot.title, text, "schema"), len(slot.path) + 2, len(text))
