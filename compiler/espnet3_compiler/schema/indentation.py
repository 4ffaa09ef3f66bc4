"""Correct blocks that stand one level too high, and list items that run into each other.

The layout of the text shows what was meant, so that one wrong indentation is one finding.
"""

import re
from collections.abc import Iterator

from msgspec.structs import replace

from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Edit, Fix, Label
from espnet3_compiler.diagnostics.source import Span
from espnet3_compiler.schema.descent import child_schema, effective_schema
from espnet3_compiler.schema.types import Schema, allowed_types, has_type
from espnet3_compiler.syntax.placeholder import is_placeholder
from espnet3_compiler.syntax.tree import Entry, Mapping, Node, Scalar, Sequence, map_children

INDENT_WIDTH = 2
"""How far a block is indented where no other shows it."""

_WORD = r"\S+"


def repair_layout(node: Mapping, schema: Schema) -> tuple[Mapping, tuple[Diagnostic, ...]]:
    """Return a tree as its text was meant, and what is wrong with the layout."""
    found: list[Diagnostic] = []
    repaired = _repair_node(node, schema, found)
    assert isinstance(repaired, Mapping)
    return repaired, tuple(found)


def _repair_node(node: Node, schema: Schema | None, found: list[Diagnostic]) -> Node:
    if schema is None or isinstance(node, Scalar):
        return node
    if isinstance(node, Sequence):
        return replace(node, items=tuple(_repair_items(node, schema, found)))
    schema = effective_schema(schema, node)
    node = _nest_outdented_keys(node, schema, found)
    return map_children(
        node,
        lambda value, key: (
            value
            if isinstance(value, Scalar)
            else _repair_node(value, child_schema(schema, key), found)
        ),
    )


def _repair_items(node: Sequence, schema: Schema, found: list[Diagnostic]) -> Iterator[Node]:
    for index, item in enumerate(node.items):
        known = child_schema(schema, index) or {}
        short = {"string", "object"} <= set(allowed_types(known))
        if short and isinstance(item, Mapping) and _is_name_with_colon(item, known):
            found.append(_superfluous_colon(item.entries[0]))
            yield item.entries[0].key
        elif short and isinstance(item, Scalar) and _is_run_on(item):
            words = _split_scalar(item)
            found.append(_missing_dash(words))
            yield from words
        else:
            yield _repair_node(item, known, found)


def _is_name_with_colon(item: Mapping, schema: Schema) -> bool:
    """Return whether an item is a name with a colon behind it."""
    if len(item.entries) != 1:
        return False
    entry = item.entries[0]
    known = schema.get("properties", {})
    rest = entry.key.span.source.text[entry.key.span.end :]
    if not rest.lstrip(" \t").startswith(":"):
        return False  # as in {name} or "? name"
    return _has_empty_value(entry) and entry.name not in known and not is_placeholder(entry.key)


def _has_empty_value(entry: Entry) -> bool:
    value = entry.value
    return isinstance(value, Scalar) and value.value is None and not value.span.text


def _is_run_on(item: Scalar) -> bool:
    return item.style == "plain" and "\n" in item.span.text


def _split_scalar(item: Scalar) -> list[Scalar]:
    source, start = item.span.source, item.span.start
    return [
        Scalar(found.group(), Span(source, start + found.start(), start + found.end()))
        for found in re.finditer(_WORD, item.span.text)
    ]


def _superfluous_colon(entry: Entry) -> Diagnostic:
    span = entry.key.span
    end = span.source.text.index(":", span.end) + 1
    edit = Edit(Span(span.source, span.start, end), span.text)
    return Diagnostic(
        "R601",
        f'"{entry.name}:" begins a mapping with nothing in it',
        Label(span, "a name alone has no colon"),
        help=(f'write "{entry.name}"',),
        fix=Fix("remove the colon", (edit,), certain=True),
    )


def _missing_dash(words: list[Scalar]) -> Diagnostic:
    second = words[1]
    source = second.span.source
    column = source.line_column(words[0].span.start)[1]
    start = source.text.rindex("\n", 0, second.span.start) + 1
    edit = Edit(Span(source, start, second.span.start), " " * (column - 3) + "- ")
    return Diagnostic(
        "R606",
        f'"{second.value}" continues the item before it: a dash is missing',
        Label(second.span, "no item of its own"),
        related=(Label(words[0].span, "this item"),),
        help=(f'write "- {second.value}"',),
        fix=Fix("begin an item", (edit,), certain=not words[2:]),
    )


def _nest_outdented_keys(node: Mapping, schema: Schema, found: list[Diagnostic]) -> Mapping:
    """Move unknown keys into the block before them that has such keys."""
    if schema.get("additionalProperties", True) is not False:
        return node
    known = schema.get("properties", {})
    owner: Entry | None = None
    moved: dict[str, list[Entry]] = {}
    for entry in node:
        if entry.name in known:
            owner = entry if _has_empty_value(entry) or _has_block_mapping(entry) else None
        elif owner and _belongs_to(entry, owner, known[owner.name]):
            moved.setdefault(owner.name, []).append(entry)
        else:
            owner = None
    if not moved:
        return node
    for name, group in moved.items():
        found.append(_outdented_keys(node, name, group))
    gone = {entry.name for group in moved.values() for entry in group}
    return replace(node, entries=tuple(_nested_entries(node, gone, moved)))


def _has_block_mapping(entry: Entry) -> bool:
    value = entry.value
    return isinstance(value, Mapping) and bool(value.entries) and value.span.text[:1] != "{"


def _belongs_to(entry: Entry, owner: Entry, schema: Schema) -> bool:
    if "object" not in allowed_types(schema) or is_placeholder(entry.key):
        return False
    others = schema.get("additionalProperties")
    if entry.name in schema.get("properties", {}):
        return not isinstance(owner.value, Mapping) or owner.value.entry(entry.name) is None
    if not _has_empty_value(owner):
        return False
    return isinstance(others, dict) and bool(others) and has_type(entry.value, others)


def _nested_entries(
    node: Mapping, gone: set[str], moved: dict[str, list[Entry]]
) -> Iterator[Entry]:
    for entry in node:
        if entry.name in moved:
            own = entry.value.entries if isinstance(entry.value, Mapping) else ()
            group = (*own, *moved[entry.name])
            first, last = group[0].key.span, group[-1].value.span
            span = Span(first.source, first.start, max(first.end, last.end))
            yield Entry(entry.key, Mapping(group, span, entry.value.via))
        elif entry.name not in gone:
            yield entry


def _outdented_keys(node: Mapping, owner: str, group: list[Entry]) -> Diagnostic:
    first, others = group[0], group[1:]
    block = node.get(owner)
    inside = block.entries[0].key.span if isinstance(block, Mapping) else None
    indent = _start_column(inside) - _start_column(first.key.span) if inside else INDENT_WIDTH
    state = "and ends above" if inside else "and is empty"
    names = ", ".join(entry.name for entry in group)
    return Diagnostic(
        "R601",
        f'"{first.name}" stands beside "{owner}" and not in it',
        Label(first.key.span, f'"{owner}" has this key, {state}'),
        related=tuple(Label(entry.key.span, "likewise") for entry in others),
        help=(f'indent {names} under "{owner}"',),
        fix=Fix("indent the lines", tuple(_indent_edits(group, indent)), certain=True),
    )


def _start_column(span: Span) -> int:
    return span.source.line_column(span.start)[1]


def _indent_edits(group: list[Entry], indent: int) -> Iterator[Edit]:
    source = group[0].key.span.source
    first = source.line_column(group[0].key.span.start)[0]
    end = max(group[-1].key.span.end, group[-1].value.span.end - 1)
    start = source.text.rfind("\n", 0, group[0].key.span.start) + 1
    for line in range(first, source.line_column(end)[0] + 1):
        text = source.line_text(line)
        if text.strip():
            yield Edit(Span(source, start, start), " " * indent)
        start += len(text) + 1
