"""A manifest whose misspelt keys, which ``shape`` reported, are read as what was meant.

Otherwise ``modles:`` would be followed by a finding for every stage that needs a model.
"""

from collections.abc import Callable
from collections.abc import Sequence as SequenceABC
from typing import Any

from espnet3_compiler.lower_values import stand_in
from espnet3_compiler.read_steps import is_stand_in
from espnet3_compiler.suggest import nearest
from espnet3_compiler.tree import Entry, Mapping, Node, Scalar, Sequence
from espnet3_schemas import load


def mend(root: Mapping) -> Mapping:
    """Return a manifest with the keys that its schema knows, as far as they can be guessed."""
    schema = load("recipe")
    top = _mend(root, schema)
    stage = schema["$defs"]["stage"]
    entries = tuple(
        Entry(entry.key, _stages(entry.value, stage)) if entry.name == "stages" else entry
        for entry in top
    )
    return Mapping(entries, top.span, top.via)


def _stages(node: Node, schema: dict[str, Any]) -> Node:
    if not isinstance(node, Sequence):
        return node
    items = (_mend(item, schema) if isinstance(item, Mapping) else item for item in node.items)
    return Sequence(tuple(items), node.span, node.via)


def _mend(node: Mapping, schema: dict[str, Any]) -> Mapping:
    known = schema["properties"]
    free = [name for name in known if node.entry(name) is None]
    entries: list[Entry] = []
    for entry in node:
        meant = None if entry.name in known else _meant(entry, schema, free)
        if meant:
            free.remove(meant)
        entries.append(Entry(stand_in(meant, entry.key), entry.value) if meant else entry)
    return Mapping(tuple(entries), node.span, node.via)


def _meant(entry: Entry, schema: dict[str, Any], free: SequenceABC[str]) -> str | None:
    if is_stand_in(entry.key):
        return None
    renamed = schema.get("x-renamed", {}).get(entry.name)
    return renamed if renamed in free else nearest(entry.name, free)


def is_settled(root: Mapping) -> bool:
    """Return whether the names under ``models`` and ``configs`` are all that the recipe declares.

    Not so where a block is no mapping, or has a key that is no text or a value of a wrong type;
    nor where a key at the top means nothing: a line that is missing or indented otherwise moves
    names from one block to another.
    """
    known = load("recipe")["properties"]
    if not is_legible(root) or not all(entry.name in known for entry in root):
        return False
    models, configs = root.get("models"), root.get("configs")
    return _is_block(models, _is_model) and _is_block(configs, _is_config)


def _is_block(node: Node | None, fits: Callable[[Node], bool]) -> bool:
    if node is None:
        return True
    return isinstance(node, Mapping) and all(
        fits(entry.value) and not is_stand_in(entry.key) for entry in node
    )


def _is_model(node: Node) -> bool:
    """Return whether a node looks like a model, and not like a config in a wrong place."""
    names = load("recipe")["$defs"]["model"]["x-requires-one"]
    return isinstance(node, Mapping) and any(
        entry.name in names or nearest(entry.name, names) for entry in node
    )


def _is_config(node: Node) -> bool:
    return isinstance(node, Mapping | Scalar)


def is_legible(node: Node | None) -> bool:
    """Return whether every key of a mapping could be read; so can what is not there at all."""
    return not isinstance(node, Mapping) or not any(is_stand_in(entry.key) for entry in node)
