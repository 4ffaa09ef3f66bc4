"""The type of a node, in the words of JSON Schema and of reports."""

from typing import Any

from msgspec import Struct

from espnet3_compiler.diagnostics.source import Span
from espnet3_compiler.syntax.tree import Entry, Mapping, Node, Scalar

Schema = dict[str, Any]

TYPE_NAMES = {
    "integer": "a whole number",
    "number": "a number",
    "string": "text",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
    "null": "null",
}

LONGEST_VALUE = 40
_SCALAR_TYPES = {
    type(None): "null",
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
}


class Instance(Struct, frozen=True):
    """A node and where it stands.

    Attributes:
        node: The node.
        path: Its dotted path, for example ``dataset.train[0].name``; empty for the root.
        key: The key in front of it; None for the root and the items of a list.
        root: The schema of the document, whose title names it, for example ``Training config``.
    """

    node: Node
    path: str
    key: Scalar | None
    root: Schema

    def entry(self, entry: Entry) -> "Instance":
        """Return the instance of a value of this mapping."""
        path = f"{self.path}.{entry.name}" if self.path else entry.name
        return Instance(entry.value, path, entry.key, self.root)

    def item(self, index: int, node: Node) -> "Instance":
        """Return the instance of an item of this list."""
        return Instance(node, f"{self.path}[{index}]", None, self.root)

    @property
    def name(self) -> str:
        """What a message calls it."""
        if self.path:
            return f'"{self.path}"'
        title = self.root["title"]
        return f"the {title[:1].lower()}{title[1:]}"

    @property
    def heading(self) -> Span:
        """Where a report on the mapping or list itself points: its key, or its first line."""
        if self.key is not None:
            return self.key.span
        if isinstance(self.node, Mapping):
            keys = [entry.key.span for entry in self.node if entry.key.span.source.kind == "file"]
            return keys[0] if keys else self.node.span
        return self.node.span


def json_type(node: Node) -> str:
    """Return the JSON Schema type of a node; ``integer`` for numbers without a point only."""
    if isinstance(node, Scalar):
        return _SCALAR_TYPES[type(node.value)]
    return "object" if isinstance(node, Mapping) else "array"


def allowed_types(schema: Schema) -> tuple[str, ...]:
    """Return the types that a schema allows; empty when it allows all."""
    types = schema.get("type", ())
    return (types,) if isinstance(types, str) else tuple(types)


def has_type(node: Node, schema: Schema) -> bool:
    """Return whether the type of a node is one that the schema allows."""
    types = allowed_types(schema)
    kind = json_type(node)
    return not types or kind in types or (kind == "integer" and "number" in types)


def expected_types(schema: Schema) -> str:
    """Return the allowed types in words, for example ``a whole number or null``."""
    words = [TYPE_NAMES[name] for name in allowed_types(schema)]
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def describe_value(node: Node) -> str:
    """Return a value as a message shows it, for example ``the text "on"``."""
    if not isinstance(node, Scalar):
        return TYPE_NAMES[json_type(node)]
    match node.value:
        case None | bool():
            return {None: "null", True: "true", False: "false"}[node.value]
        case str():
            line = " ".join(node.value.split())
            short = line if len(line) <= LONGEST_VALUE else f"{line[: LONGEST_VALUE - 1]}…"
            return f'the text "{short}"'
        case _:
            written = node.span.text
            return f"the number {node.value if len(written.split()) != 1 else written}"


def brief_value(node: Node) -> str:
    """Return a value of the right type as a message shows it: a text in quotes only."""
    return describe_value(node).removeprefix("the text ").removeprefix("the number ")
