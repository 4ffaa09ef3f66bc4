"""The defaults that a JSON Schema gives to the keys of a mapping."""

import json
from typing import Any

from msgspec import Struct

from espnet3_compiler.diagnostics.source import Source, Span
from espnet3_compiler.schema.descent import child_schema, effective_schema
from espnet3_compiler.schema.types import Schema
from espnet3_compiler.syntax.tree import Entry, Mapping, Node, Scalar, Sequence

ANY_SCHEMA: Schema = {}


class SchemaLocation(Struct, frozen=True):
    """A location in a config, and what the schema says about it.

    Attributes:
        title: What the texts of defaults are called, for example ``defaults of training``.
        schema: Its schema; empty where anything goes.
        path: The dotted path, for the texts of defaults.
    """

    title: str = ""
    schema: Schema = ANY_SCHEMA
    path: str = ""

    def child(self, name: str, node: Node | None = None) -> "SchemaLocation":
        """Return the location of a key; ``node`` is the mapping, for schemas that depend on it."""
        below = child_schema(effective_schema(self.schema, node), name)
        path = f"{self.path}.{name}" if self.path else name
        return SchemaLocation(self.title, below or {}, path)

    def item(self, index: int) -> "SchemaLocation":
        """Return the location of a list's item."""
        return SchemaLocation(self.title, child_schema(self.schema, index) or {}, f"{self.path}[]")


def role_location(role: str, schema: Schema) -> SchemaLocation:
    """Return the location of a config in a role."""
    return SchemaLocation(f"defaults of {role}", schema)


_KNOWN: dict[tuple[str, str, int], tuple[Schema, Mapping]] = {}
"""Defaults by the name of a location and the identity of its schema, which is kept for that."""
_MOST_KNOWN = 4096


def schema_defaults(slot: SchemaLocation) -> Mapping:
    """Return the defaults of the keys of a mapping, also those inside default mappings."""
    key = slot.title, slot.path, id(slot.schema)
    if key not in _KNOWN:
        if len(_KNOWN) >= _MOST_KNOWN:  # the roles of Systems that were edited meanwhile
            _KNOWN.clear()
        _KNOWN[key] = slot.schema, _find_defaults(slot)
    return _KNOWN[key][1]


def _find_defaults(slot: SchemaLocation) -> Mapping:
    entries = []
    for name, part in slot.schema.get("properties", {}).items():
        if "default" in part:
            below = slot.child(name)
            entries.append(_default_entry(name, _default_node(below, part["default"]), below))
    return Mapping(tuple(entries), _default_span(slot, {}))


def _default_node(slot: SchemaLocation, value: Any) -> Node:
    node = _value_node(slot, value)
    if not isinstance(node, Mapping):
        return node
    given = {entry.name for entry in node}
    inner = [entry for entry in schema_defaults(slot) if entry.name not in given]
    return Mapping((*node.entries, *inner), node.span)


def _value_node(slot: SchemaLocation, value: Any) -> Node:
    span = _default_span(slot, value)
    if isinstance(value, dict):
        entries = []
        for name, inner in value.items():
            below = slot.child(name)
            entries.append(_default_entry(name, _value_node(below, inner), below))
        return Mapping(tuple(entries), span)
    if isinstance(value, list):
        return Sequence(
            tuple(_value_node(slot.item(i), inner) for i, inner in enumerate(value)), span
        )
    return Scalar(value, span)


def _default_entry(name: str, value: Node, slot: SchemaLocation) -> Entry:
    source = value.span.source
    end = len(slot.path)
    return Entry(Scalar(name, Span(source, end - len(name), end)), value)


def _default_span(slot: SchemaLocation, value: object) -> Span:
    text = f"{slot.path}: {_json_text(value)}"
    return Span(Source(slot.title, text, "schema"), len(slot.path) + 2, len(text))


def _json_text(value: object) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    same = isinstance(value, int | float) or value in ([], {})  # as Python writes them
    return str(value) if same else json.dumps(value)
