"""Lists of stages as other tools write them: a mapping by name, or items of one key.

``stages: {train: {config: training}}`` and ``- train: {config: training}`` are read as
``- {name: train, config: training}``; all of a list are one finding.
"""

from msgspec.structs import replace

from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.diagnostics.suggest import closest_match
from espnet3_compiler.schema.descent import child_schema, effective_schema
from espnet3_compiler.schema.types import Schema, allowed_types
from espnet3_compiler.syntax.placeholder import has_certain_keys, placeholder
from espnet3_compiler.syntax.tree import Entry, Mapping, Node, Scalar, Sequence, map_children

NAME = "name"


def repair_named_items(root: Mapping, schema: Schema) -> tuple[Mapping, tuple[Diagnostic, ...]]:
    """Return a tree with items that have a name, and what was written otherwise."""
    found: list[Diagnostic] = []
    repaired = _repair(root, schema, found)
    assert isinstance(repaired, Mapping)
    return repaired, tuple(found)


def _repair(node: Node, schema: Schema | None, found: list[Diagnostic]) -> Node:
    if schema is None or isinstance(node, Scalar):
        return node
    if isinstance(node, Sequence):
        if _has_short_items(schema):
            node = _repair_list(node, schema, found)
        known = schema
        return map_children(node, lambda item, key: _repair(item, child_schema(known, key), found))
    if "matrix" in [key.value for key, _ in node.entries]:
        node = _exclude_beside_matrix(_rows_of_include(node, found), found)
    schema = effective_schema(schema, node)
    entries = [
        entry
        if isinstance(entry.value, Scalar)
        else Entry(entry.key, _repair_block(entry, child_schema(schema, entry.name), found))
        for entry in node
    ]
    return Mapping(tuple(entries), node.span, node.via)


def _rows_of_include(node: Mapping, found: list[Diagnostic]) -> Mapping:
    """Return a group whose ``matrix: {include: […]}``, as GitHub writes it, is the list of rows."""
    matrix = node.entry("matrix")
    if matrix is None or node.entry("stages") is None or not isinstance(matrix.value, Mapping):
        return node
    include = matrix.value.entry("include")
    rows = include.value if include else None
    if not isinstance(rows, Sequence) or not any(isinstance(r, Mapping) for r in rows.items):
        return node
    assert include
    found.append(
        Diagnostic(
            "R601",
            'the matrix has no key "include": its rows are a list',
            Label(include.key.span, "as in a workflow of GitHub"),
            help=("write the rows directly under matrix: - {NAME: VALUE, ...}",),
        )
    )
    changed = matrix._replace(value=rows)
    return replace(node, entries=tuple(changed if e is matrix else e for e in node))


def _exclude_beside_matrix(node: Mapping, found: list[Diagnostic]) -> Mapping:
    """Return a group with ``exclude`` beside its matrix, where GitHub writes it inside."""
    matrix = node.entry("matrix")
    if matrix is None or node.entry("stages") is None or not isinstance(matrix.value, Mapping):
        return node
    inside = matrix.value.entry("exclude")
    rows = inside.value if inside else None
    if not isinstance(rows, Sequence) or not any(isinstance(r, Mapping) for r in rows.items):
        return node
    assert inside
    found.append(
        Diagnostic(
            "R601",
            "exclude stands beside the matrix and not in it",
            Label(inside.key.span, "as in a workflow of GitHub"),
            help=("indent it like matrix:",),
        )
    )
    names = tuple(entry for entry in matrix.value if entry is not inside)
    changed = matrix._replace(value=replace(matrix.value, entries=names))
    others = tuple(changed if e is matrix else e for e in node)
    return replace(node, entries=(*others, *([] if node.entry("exclude") else [inside])))


def _has_short_items(schema: Schema) -> bool:
    """Return whether the items of a list are names, or mappings with a name."""
    items = schema.get("items")
    return isinstance(items, dict) and {"string", "object"} <= set(allowed_types(items))


def _repair_block(entry: Entry, schema: Schema | None, found: list[Diagnostic]) -> Node:
    """Return the value of a key; a list where a mapping by name stands in its place."""
    value = entry.value
    if schema is None or not isinstance(value, Mapping) or not value.entries:
        return _repair(value, schema, found)
    if allowed_types(schema) != ("array",) or not _has_short_items(schema):
        return _repair(value, schema, found)
    items = [_named_item(item, child_schema(schema, 0) or {}) for item in value]
    if not has_certain_keys(value) or not all(items):
        return _repair(value, schema, found)
    first = value.entries[0].key
    found.append(
        Diagnostic(
            "R602",
            f'"{entry.name}" must be a list, not a mapping',
            Label(first.span, "a list begins with a dash"),
            related=(Label(entry.key.span, "the list"),),
            help=(f"write each as an item: - {_shown(value.entries[0])}",),
        )
    )
    unknown = placeholder(value.span)  # whether these are all of them is not sure
    return Sequence((*(item for item in items if item), unknown), value.span, value.via)


def _repair_list(node: Sequence, schema: Schema, found: list[Diagnostic]) -> Sequence:
    items: list[Node] = []
    heads: list[Entry] = []
    for index, item in enumerate(node.items):
        known = child_schema(schema, index) or {}
        head = _only_unknown_entry(item, known)
        meant = _named_item(head, known) if head else None
        heads += [head] if head and meant else []
        items.append(meant or item)
    if heads:
        found.append(_keys_for_names(heads))
    return replace(node, items=tuple(items))


def _only_unknown_entry(item: Node, schema: Schema) -> Entry | None:
    if not isinstance(item, Mapping) or len(item.entries) != 1 or not has_certain_keys(item):
        return None
    (entry,) = item.entries
    known = effective_schema(schema, item)
    names = {*known.get("properties", {}), *known.get("x-renamed", {})}
    misspelt = isinstance(entry.value, Scalar) and closest_match(entry.name, names)
    return None if entry.name in names or misspelt else entry


def _named_item(entry: Entry, schema: Schema) -> Node | None:
    """Return the item for a name with its other keys below it; None where these are no keys."""
    below = entry.value
    if isinstance(below, Scalar):
        if below.value is None:
            return entry.key
        config = Entry(Scalar("config", entry.key.span), below)
        rest: tuple[Entry, ...] = (config,) if isinstance(below.value, str) else ()
    elif isinstance(below, Mapping):
        rest = below.entries
    else:
        return None
    known = effective_schema(schema, Mapping((), entry.key.span)).get("properties", {})
    if not rest:
        return entry.key if isinstance(below, Mapping) else None
    if any(other.name not in known or other.name == NAME for other in rest):
        return None
    name = Entry(Scalar(NAME, entry.key.span), entry.key)
    return Mapping((name, *rest), entry.key.span, entry.key.via)


def _keys_for_names(heads: list[Entry]) -> Diagnostic:
    first = heads[0]
    return Diagnostic(
        "R601",
        f'"{first.name}" is a key here, and not the name of the item',
        Label(first.key.span, "a name is no key"),
        related=tuple(Label(head.key.span, "likewise") for head in heads[1:]),
        help=(f"write - {_shown(first)}",),
    )


def _shown(entry: Entry) -> str:
    """Return an item as it is written here, where its keys fit on a line."""
    below = entry.value
    if isinstance(below, Mapping) and below.entries:
        inside = below.span.text.strip("{} ") if below.span.text[:1] == "{" else "..."
        return f"{{name: {entry.name}, {inside}}}"
    if isinstance(below, Scalar) and below.value is not None:
        return f"{{name: {entry.name}, config: {below.value}}}"
    return entry.name
