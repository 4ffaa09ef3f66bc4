"""The name of a config whose key could not be read, where the stages leave only one open."""

import posixpath
from collections.abc import Iterable, Iterator

from espnet3_compiler.lower_values import entries, mapping, stand_in, text
from espnet3_compiler.read_steps import is_stand_in
from espnet3_compiler.tree import Entry, Mapping, Node, Scalar, Sequence
from espnet3_schemas import ROLES, systems


def with_names(root: Mapping) -> Mapping:
    """Return a manifest in which keys under ``configs`` that are no text have likely names.

    A key is guessed by the name of its file (``conf/training.yaml``), or if it is the only one
    and the stages want only one config that is not declared.
    """
    block = root.get("configs")
    if not isinstance(block, Mapping) or not any(is_stand_in(entry.key) for entry in block):
        return root
    declared = {entry.name for entry in entries(block)}
    wanted = [name for name in dict.fromkeys(_wanted(root.get("stages"))) if name not in declared]
    lost = [entry for entry in block if is_stand_in(entry.key)]
    named = tuple(_named(entry, wanted, len(lost)) for entry in block)
    kept = {entry.name: entry for entry in reversed(named)}
    if len(kept) < len(named):
        return root
    changed = Mapping(named, block.span, block.via)
    return Mapping(
        tuple(Entry(e.key, changed) if e.name == "configs" else e for e in root), root.span
    )


def _named(entry: Entry, wanted: list[str], lost: int) -> Entry:
    if not is_stand_in(entry.key):
        return entry
    stem = _stem(entry.value)
    name = stem if stem in (*wanted, *ROLES) else wanted[0] if len(wanted) == lost == 1 else None
    return Entry(stand_in(name, entry.key), entry.value) if name else entry


def _stem(value: Node) -> str | None:
    block = mapping(value)
    path = text(block.get("file") if block else value)
    return posixpath.basename(str(path.value)).partition(".")[0] if path else None


def _wanted(stages: Node | None) -> Iterator[str]:
    """Yield the configs that stages name, and those that they take by the default rule."""
    for item in stages.items if isinstance(stages, Sequence) else ():
        block = mapping(item)
        given = block.get("config") if block else None
        named = _names(given)
        yield from named
        kind = text(block.get("run") or block.get("name")) if block else text(item)
        roles = systems()["kinds"].get(str(kind.value) if kind else None, {}).get("roles", {})
        if given is None:
            yield from (role for role in roles if roles[role]["required"])


def _names(given: Node | None) -> Iterable[str]:
    values = [entry.value for entry in given] if isinstance(given, Mapping) else [given]
    return [str(name.value) for name in map(text, values) if isinstance(name, Scalar)]
