"""Targets as other tools write them, read as ``{_target_: package.module.Name, argument: …}``.

``{class_path: …, init_args: {…}}`` is LightningCLI's; ``{RAdam: {lr: 1e-3}}`` and ``{name: adam}``
are those of tools that know their classes by name. ``configure_optimizers`` of Lightning returns
``{scheduler: {_target_: …}, interval: step}``.
"""

import re
from collections.abc import Iterator

from msgspec import Struct
from msgspec.structs import replace

from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Edit, Fix, Label
from espnet3_compiler.schema.class_names import DOTTED, known_class, likely_target, wants_target
from espnet3_compiler.schema.descent import child_schema, effective_schema
from espnet3_compiler.schema.types import Instance, Schema
from espnet3_compiler.syntax.placeholder import has_certain_keys, placeholder
from espnet3_compiler.syntax.tree import Entry, Mapping, Node, Scalar, Sequence
from espnet3_schemas import TARGET

_SURE_KEYS = ("class_path", "_class_", "__class__", "_cls_", "_type_", "__target__", "_Target_")
"""Keys that no argument is called like: they stand for ``_target_`` in arguments, too."""
_KEYS = ("target", "type", "name", "class", "cls", "class_name", "kind", "object")
_ARGUMENT_KEYS = ("init_args", "kwargs", "params", "args", "arguments", "options", "_kwargs_")
_WRAPPERS = ("scheduler", "lr_scheduler", "optimizer")
"""Keys under which Lightning wants the object itself beside its settings."""

_BESIDE = {"interval": "scheduler_interval", "monitor": "scheduler_monitor"}
"""Those settings, and what they are called here, beside the object."""


class _Foreign(Struct, frozen=True):
    """The entry that names the class, its dotted path if it is known, and its arguments."""

    head: Entry
    path: str | None
    block: Entry | None


def repair_foreign_targets(root: Mapping, schema: Schema) -> tuple[Mapping, tuple[Diagnostic, ...]]:
    """Return a tree with targets as they are written here, and what was written otherwise."""
    found: list[Diagnostic] = []
    node = _repair(Instance(root, "", None, schema), schema, found, inside=False)
    assert isinstance(node, Mapping)
    return node, tuple(found)


def _repair(
    spot: Instance, schema: Schema | None, found: list[Diagnostic], *, inside: bool
) -> Node:
    node = spot.node
    if schema is None or isinstance(node, Scalar):
        return node
    if isinstance(node, Sequence):
        items = [spot.item(index, item) for index, item in enumerate(node.items)]
        repaired = tuple(
            _repair(item, child_schema(schema, index), found, inside=inside)
            for index, item in enumerate(items)
        )
        return Sequence(repaired, node.span, node.via)
    wanted = wants_target(schema)
    wrapper = _find_wrapper(node) if wanted else None
    if wrapper and isinstance(wrapper.value, Mapping):
        found.append(_wrapped(spot, wrapper))
        node = wrapper.value
    foreign = _find_foreign(node, schema, wanted=wanted, inside=inside)
    if foreign:
        found.append(_finding(spot, foreign))
        node = replace(node, entries=tuple(_native_entries(node, foreign)))
    inside = inside or wanted
    schema = effective_schema(schema, node)
    below = spot if node is spot.node else replace(spot, node=node)
    entries = [
        entry
        if isinstance(entry.value, Scalar)
        else Entry(
            entry.key,
            _repair(below.entry(entry), child_schema(schema, entry.name), found, inside=inside),
        )
        for entry in node
    ]
    return Mapping(tuple(entries), node.span, node.via)


def _find_wrapper(node: Mapping) -> Entry | None:
    """Return the entry that holds the object which a mapping should be."""
    if node.entry(TARGET) or not has_certain_keys(node):
        return None
    for entry in node:
        inner = entry.value if entry.name in _WRAPPERS else None
        if isinstance(inner, Mapping) and inner.entry(TARGET):
            return entry
    return None


def _wrapped(spot: Instance, wrapper: Entry) -> Diagnostic:
    assert isinstance(spot.node, Mapping)
    beside = [entry for entry in spot.node if entry.name in _BESIDE]
    texts = [f"{_BESIDE[one.name]}: {one.value.span.text}" for one in beside]
    own = f"write the keys of {wrapper.name} one level higher: _target_ and its arguments"
    return Diagnostic(
        "R601",
        f'{spot.name} has no key "{wrapper.name}"',
        Label(wrapper.key.span, "as configure_optimizers returns it"),
        related=tuple(Label(entry.key.span, "a key of the config") for entry in beside),
        help=(own, *(f"and in the training config {text}" for text in texts)),
    )


def _find_foreign(node: Mapping, schema: Schema, *, wanted: bool, inside: bool) -> _Foreign | None:
    if not (wanted or inside) or node.entry(TARGET) or node.entry("task"):
        return None
    if not has_certain_keys(node):
        return None
    keys = (*_SURE_KEYS, *_KEYS) if wanted else _SURE_KEYS
    for entry in node:
        text = entry.value.value if isinstance(entry.value, Scalar) else None
        if not isinstance(text, str) or entry.name not in keys:
            continue
        path = likely_target(text, schema) if wanted else _class_path(text)
        named = path or (wanted and _names_class(text) and text.isidentifier())
        if named and entry.name not in schema.get("properties", {}):
            return _Foreign(entry, path, _argument_block(node))
    return _single_class(node, schema) if wanted else None


def _class_path(text: str) -> str | None:
    """Return a text that is nothing but the dotted path of a class: arguments may be any text."""
    return text if re.match(DOTTED, text) and _names_class(text) else None


def _argument_block(node: Mapping) -> Entry | None:
    blocks = (node.entry(name) for name in _ARGUMENT_KEYS)
    return next((entry for entry in blocks if entry and isinstance(entry.value, Mapping)), None)


def _single_class(node: Mapping, schema: Schema) -> _Foreign | None:
    """Return the class of ``{RAdam: {lr: 1e-3}}``: the only key, with the arguments below."""
    if len(node.entries) != 1:
        return None
    (entry,) = node.entries
    if isinstance(entry.value, Scalar) and entry.value.value is not None:
        return None
    if entry.name in schema.get("properties", {}) or not _names_class(entry.name):
        return None
    dotted = entry.name if re.match(DOTTED, entry.name) else known_class(entry.name, schema)
    block = entry if isinstance(entry.value, Mapping) else None
    return _Foreign(entry, dotted, block) if dotted else None


def _names_class(name: str) -> bool:
    return name.rpartition(".")[2][:1].isupper()


def _native_entries(node: Mapping, foreign: _Foreign) -> Iterator[Entry]:
    key, value = foreign.head.key, foreign.head.value
    span = value.span if isinstance(value, Scalar) and value.span.text else key.span
    path = Scalar(foreign.path, span, via=value.via) if foreign.path else placeholder(span)
    yield Entry(replace(key, value=TARGET), path)
    if foreign.block and isinstance(foreign.block.value, Mapping):
        yield from foreign.block.value
    used = (foreign.head, foreign.block)
    yield from (entry for entry in node if entry not in used)


def _finding(spot: Instance, foreign: _Foreign) -> Diagnostic:
    key, block = foreign.head.key, foreign.block
    beside = ", with its arguments beside it"
    related: tuple[Label, ...] = ()
    if block and block is not foreign.head:
        beside = f", with the keys of {block.name} beside it"
        related = (Label(block.key.span, "its arguments"),)
    path = foreign.path or f"package.module.{foreign.head.value.span.text}"
    return Diagnostic(
        "R601",
        f'{spot.name} has no key "{key.value}"',
        Label(key.span, "other tools name a class so"),
        related=related,
        help=(f"write _target_: {path}{beside}",),
        fix=_fix(foreign) if block is None else None,
    )


def _fix(foreign: _Foreign) -> Fix | None:
    """Return the fix that renames the key; certain for a path that no argument can have meant."""
    key, value = foreign.head.key, foreign.head.value
    if (
        foreign.path is None
        or not isinstance(value, Scalar)
        or key.span.source.kind != "file"
        or not value.span.text
    ):
        return None
    edits = [Edit(key.span, TARGET)]
    if value.value != foreign.path:
        edits.append(Edit(value.span, foreign.path))
    certain = key.value in _SURE_KEYS and value.value == foreign.path
    return Fix(f"write _target_: {foreign.path}", tuple(edits), certain=certain)
