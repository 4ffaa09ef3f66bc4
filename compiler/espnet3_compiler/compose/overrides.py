"""Parse ``--set name.key=value``, and merge the value into the config or model that it names."""

import re

from msgspec import Struct

from espnet3_compiler.compose.merge import MergeRecord, merge_nodes
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.diagnostics.source import Source, Span
from espnet3_compiler.schema.defaults import SchemaLocation
from espnet3_compiler.syntax.core_schema import describe_type
from espnet3_compiler.syntax.read import read_text
from espnet3_compiler.syntax.tree import Entry, Mapping, Node, Path, Scalar, Sequence, map_children

MAX_KEYS = 32

_KEY = r"[^.\[\]=\s]+"


class Override(Struct, frozen=True):
    """A parsed ``--set``: the name of a config, a model or ``recipe``, a path in it, a value."""

    name: Scalar
    keys: tuple[Scalar, ...]
    value: Node

    @property
    def span(self) -> Span:
        """The argument."""
        source = self.name.span.source
        return Span(source, 0, len(source.text))


def parse_override(source: Source) -> tuple[Override | None, tuple[Diagnostic, ...]]:
    """Parse ``name.key=value``, with a value in YAML, or ``~name.key``, which deletes the key."""
    left, equals, _ = source.text.partition("=")
    deletes = left.startswith("~")
    if not equals and not deletes:
        return None, (_malformed_override(source, 'a "=" is missing'),)
    keys = _split_path(source, deletes, len(left))
    if keys is None or not keys:
        return None, (_malformed_override(source, "this is no dotted path"),)
    if len(keys) == 1:
        return None, (_malformed_override(source, f'which key of "{keys[0].value}"?'),)
    end = Span(source, len(source.text), len(source.text))
    if deletes:
        last = keys[-1]
        keys[-1] = Scalar(f"~{last.value}", last.span)
        return Override(keys[0], tuple(keys[1:]), Scalar(None, end)), ()
    value, found = read_text(source, len(left) + 1)
    if found:
        return None, found
    return Override(keys[0], tuple(keys[1:]), value or Scalar(None, end)), ()


def _split_path(source: Source, deletes: bool, end: int) -> list[Scalar] | None:
    """Split ``a.b[0].c``; None if it is not of this form."""
    at = int(deletes)
    keys: list[Scalar] = []
    while at < end:
        match = re.compile(_KEY).match(source.text, at, end)
        if match is None or len(keys) > MAX_KEYS:
            return None
        keys.append(Scalar(match.group(), Span(source, match.start(), match.end())))
        at = match.end()
        while at < end and source.text[at] == "[":
            index = re.compile(r"\[(\d+)\]").match(source.text, at, end)
            if index is None:
                return None
            keys.append(Scalar(index[1], Span(source, at + 1, index.end() - 1)))
            at = index.end()
        if at < end:
            if source.text[at] != "." or at + 1 == end:
                return None
            at += 1
    return keys


def apply_override(
    root: Mapping, setting: Override, slot: SchemaLocation, record: MergeRecord
) -> Mapping:
    """Return a config or model with one ``--set`` merged into it.

    Args:
        root: The config or model.
        setting: The ``--set``.
        slot: The schema of the root.
        record: Collects the history and the findings.
    """
    result = _set_at_path(root, setting.keys, setting.value, slot, (), record)
    assert isinstance(result, Mapping)
    return result


def _set_at_path(
    node: Node | None,
    keys: tuple[Scalar, ...],
    value: Node,
    slot: SchemaLocation,
    path: Path,
    record: MergeRecord,
) -> Node:
    if not keys:
        return merge_nodes(node, value, slot, path, record)
    if isinstance(node, Sequence):
        return _set_in_sequence(node, keys, value, slot, path, record)
    if isinstance(node, Scalar) and node.value is not None:
        record.found.append(_into_scalar(keys[0], node))
        return node
    name = str(keys[0].value)
    child = node.get(name) if isinstance(node, Mapping) else None
    if len(keys) > 1 and child is not None:
        assert isinstance(node, Mapping)
        below = (*path, name)
        inner = _set_at_path(child, keys[1:], value, slot.child(name, node), below, record)
        return map_children(node, lambda old, key: inner if key == name else old)
    return merge_nodes(node, _nested_mapping(keys, value), slot, path, record)


def _nested_mapping(keys: tuple[Scalar, ...], value: Node) -> Node:
    for key in reversed(keys):
        place = Span(key.span.source, key.span.start, len(key.span.source.text))
        value = Mapping((Entry(key, value),), place)
    return value


def _set_in_sequence(
    node: Sequence,
    keys: tuple[Scalar, ...],
    value: Node,
    slot: SchemaLocation,
    path: Path,
    record: MergeRecord,
) -> Node:
    text, count = str(keys[0].value), len(node.items)
    is_index = text.isascii() and text.isdigit() and len(text) <= len(str(count)) + 1
    index = int(text) if is_index else count
    if index >= count:
        record.found.append(_not_an_index(keys[0], count))
        return node
    item = _set_at_path(
        node.items[index], keys[1:], value, slot.item(index), (*path, index), record
    )
    return map_children(node, lambda old, i: item if i == index else old)


def _malformed_override(source: Source, label: str) -> Diagnostic:
    return Diagnostic(
        "R309",
        f'"--set {source.text}" cannot be understood',
        Label(Span(source, 0, len(source.text)), label),
        help=('write "--set NAME.key=value", for example "--set training.seed=3"',),
    )


def _into_scalar(key: Scalar, node: Scalar) -> Diagnostic:
    return Diagnostic(
        "R309",
        f'"{key.value}" cannot be set: its parent is {describe_type(node.value)}, not a mapping',
        Label(key.span, "no mapping"),
        related=(Label(node.span, "the value so far"),),
    )


def _not_an_index(key: Scalar, count: int) -> Diagnostic:
    last = f"a number from 0 to {count - 1}" if count else "nothing: the list is empty"
    return Diagnostic(
        "R309",
        f'"{key.value}" is no index of a list of {count} items',
        Label(key.span, f"expected {last}"),
    )
