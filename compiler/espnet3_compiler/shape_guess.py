"""Which key was meant where something stands that is no text, as far as only one can have been.

``12: {train: […]}`` in a config can only be its ``dataset``: what stands below is then checked too.
"""

import re
from dataclasses import replace
from typing import Any

from espnet3_compiler.expression import is_open
from espnet3_compiler.read_steps import is_stand_in
from espnet3_compiler.schema_parts import Schema, resolved
from espnet3_compiler.shape import check_shape
from espnet3_compiler.shape_types import fits
from espnet3_compiler.tree import Entry, Mapping, Node, Scalar, Sequence

TARGET, TASK = "_target_", "task"
_PATH = re.compile(r"[A-Za-z_]\w*(\.\w+)+")


def with_guesses(node: Mapping, schema: Schema) -> Mapping:
    """Return a tree in which keys that could not be read have the names that must be meant.

    Args:
        node: A manifest, or a part of a config.
        schema: Its whole schema.
    """
    if not _has_stand_in(node):
        return node
    guessed = _guessed(node, schema, schema)
    assert isinstance(guessed, Mapping)
    return guessed


def _has_stand_in(node: Node) -> bool:
    if isinstance(node, Mapping):
        return any(is_stand_in(entry.key) or _has_stand_in(entry.value) for entry in node.entries)
    return isinstance(node, Sequence) and any(map(_has_stand_in, node.items))


def _guessed(node: Node, schema: Any, root: Schema) -> Node:
    schema = resolved(schema, root, None) if isinstance(schema, dict) else {}
    if isinstance(node, Sequence):
        part = schema.get("items", {})
        return replace(node, items=tuple(_guessed(item, part, root) for item in node.items))
    if not isinstance(node, Mapping):
        return node
    others = schema.get("additionalProperties", {})
    entries = []
    for entry in node:
        name = _meant(entry, node, schema, root) if is_stand_in(entry.key) else None
        key = replace(entry.key, value=name, style="plain") if name else entry.key
        below = schema.get("properties", {}).get(str(key.value), others)
        entries.append(Entry(key, _guessed(entry.value, below, root)))
    return replace(node, entries=tuple(entries))


def _meant(entry: Entry, node: Mapping, schema: Schema, root: Schema) -> str | None:
    """Return the only key that fits a value best; one that must be there wins."""
    known: Schema = schema.get("properties", {})
    free = [name for name in known if node.entry(name) is None]
    if isinstance(entry.value, Mapping) and entry.value.entry(TARGET):
        free = [name for name in free if TARGET in _properties(known[name], root)]
    if TARGET in known or not known:  # the arguments of a target are called as its signature says
        name = TASK if TASK in known and _is_task(entry.value) else TARGET
        return name if node.entry(name) is None and _is_path(entry.value) else None
    scores: dict[str, int] = {
        name: score
        for name in free
        if (score := _score(entry.value, known[name], root)) is not None
    }
    best = [name for name, score in scores.items() if score == max(scores.values())]
    wanted = {*schema.get("required", ()), *schema.get("x-requires-one", ())}
    required = [name for name in best if name in wanted]
    certain = required or [name for name in best if scores[name] > 0]
    if len(certain) != 1 or sum(is_stand_in(other.key) for other in node) > len(certain):
        return None
    return certain[0]


def _properties(schema: Schema, root: Schema) -> Schema:
    properties: Schema = resolved(schema, root, None).get("properties", {})
    return properties


def _is_path(value: Node) -> bool:
    return isinstance(value, Scalar) and bool(_PATH.fullmatch(str(value.value)))


def _is_task(value: Node) -> bool:
    return isinstance(value, Scalar) and str(value.value).endswith("Task")


def _score(value: Node, schema: Schema, root: Schema) -> int | None:
    """Return how well a value fits: the keys of it that are known, or None if it does not fit."""
    whole = {"title": "value", "$defs": root.get("$defs", {}), **schema}
    wrong = check_shape(value, whole, lenient_references=True)
    if wrong and (isinstance(value, Scalar) or not fits(value, resolved(whole, whole, None))):
        return None
    return _known(value, schema, root) - len(wrong)


def _known(node: Node, schema: Any, root: Schema) -> int:
    if not isinstance(schema, dict):
        return 0
    schema = resolved(schema, root, None)
    if isinstance(node, Scalar):
        return 0
    if isinstance(node, Sequence):
        return sum(_known(item, schema.get("items", {}), root) for item in node.items)
    properties = schema.get("properties", {})
    others = schema.get("additionalProperties", {})
    described = isinstance(others, dict) and bool(others)
    return sum(
        ((described and not is_open(entry.value)) or entry.name in properties)
        + _known(entry.value, properties.get(entry.name, others), root)
        for entry in node
    )
