"""Names and keys of a manifest that could not be read, where the rest leaves only one open."""

import posixpath
from collections.abc import Iterable, Iterator

from espnet3_compiler.expression import is_open
from espnet3_compiler.lower_values import entries, mapping, stand_in, text
from espnet3_compiler.read_steps import is_stand_in
from espnet3_compiler.tree import Entry, Mapping, Node, Scalar, Sequence
from espnet3_schemas import ROLES, systems


def with_names(root: Mapping) -> Mapping:
    """Return a manifest in which what could not be read has likely names.

    * A key under ``configs`` is guessed by the name of its file (``conf/training.yaml``), or if it
      is the only one and the stages want only one config that is not declared.
    * A key of a config whose value is the name of another one is ``extends``.
    * A key of a stage is ``run``, ``config`` or ``model`` if only that has such values, the block
      that a ``call`` lacks, otherwise ``name``.  A stage of which neither name nor kind can be read
      is of the only kind left that reads its roles.
    """
    block, stages = root.get("configs"), root.get("stages")
    changed: dict[str, Node] = {}
    if isinstance(block, Mapping):
        changed["configs"] = _with_bases(_with_config_names(block, stages))
    if isinstance(stages, Sequence):
        changed["stages"] = _with_stage_names(stages, root)
    return Mapping(
        tuple(Entry(e.key, changed.get(e.name, e.value)) for e in root), root.span, root.via
    )


def _with_config_names(block: Mapping, stages: Node | None) -> Mapping:
    if not any(is_stand_in(entry.key) for entry in block):
        return block
    declared = {entry.name for entry in entries(block)}
    every = dict.fromkeys((*_wanted(stages), *_extended(block)))
    wanted = [name for name in every if name not in declared]
    lost = [entry for entry in block if is_stand_in(entry.key)]
    free = {*wanted, *ROLES} - declared
    named = tuple(_named(entry, wanted, free, len(lost)) for entry in block)
    kept = {entry.name: entry for entry in reversed(named)}
    return block if len(kept) < len(named) else Mapping(named, block.span, block.via)


def _with_bases(block: Mapping) -> Mapping:
    names = {entry.name for entry in entries(block)}
    made = (Entry(entry.key, _with_base(entry, names)) for entry in block)
    return Mapping(tuple(made), block.span, block.via)


def _with_base(config: Entry, names: set[str]) -> Node:
    others = names - {config.name}
    return _with_key(config.value, {"extends": others})


def _with_key(node: Node, values: dict[str, set[str]]) -> Node:
    """Give the only illegible key of a mapping the name of the only key that has such values."""
    block, lost = mapping(node), _lost(node)
    if block is None or lost is None:
        return node
    value = text(lost.value)
    said = {str(value.value)} if value else {entry.name for entry in entries(lost.value)}
    fitting = [key for key, known in values.items() if said and said <= known]
    if len(fitting) != 1 or block.entry(fitting[0]):
        return node
    made = (Entry(stand_in(fitting[0], e.key), e.value) if e is lost else e for e in block)
    return Mapping(tuple(made), block.span, block.via)


def _lost(node: Node) -> Entry | None:
    """Return the entry of a mapping whose key could not be read, if it is the only one."""
    lost = [entry for entry in mapping(node) or () if is_stand_in(entry.key)]
    return lost[0] if len(lost) == 1 else None


def _named(entry: Entry, wanted: list[str], free: set[str], lost: int) -> Entry:
    if not is_stand_in(entry.key):
        return entry
    stem = _stem(entry.value)
    name = stem if stem in free else wanted[0] if len(wanted) == lost == 1 else None
    return Entry(stand_in(name, entry.key), entry.value) if name else entry


def _stem(value: Node) -> str | None:
    block = mapping(value)
    path = text(block.get("file") if block else value)
    return posixpath.basename(str(path.value)).partition(".")[0] if path else None


def _with_stage_names(stages: Sequence, root: Mapping) -> Sequence:
    configs, models = ({e.name for e in entries(root.get(key))} for key in ("configs", "models"))
    taken = {kind for item in stages.items if (kind := _kind(item))}
    values = {"run": set(systems()["kinds"]), "config": configs | set(ROLES), "model": models}
    keyed = (_with_key(_with_block(item), values) for item in stages.items)
    items = (_with_kind(_with_name(item), taken) for item in keyed)
    return Sequence(tuple(items), stages.span, stages.via)


def _with_block(item: Node) -> Node:
    """Call the only illegible key of a ``call`` stage ``with`` or ``outputs``, what it lacks."""
    block, lost = mapping(item), _lost(item)
    if block is None or lost is None or block.entry("call") is None:
        return item
    missing = [key for key in ("with", "outputs") if block.entry(key) is None]
    names = {entry.name for entry in entries(lost.value)}
    return _with_key(item, {missing[0]: names}) if len(missing) == 1 else item


def _with_name(item: Node) -> Node:
    """Call a stage by the value of its only illegible key, if it has no name."""
    lost = _lost(item)
    name = text(lost.value) if lost else None
    if name is None or is_open(name):
        return item
    return _with_key(item, {"name": {str(name.value)}})


def _with_kind(item: Node, taken: set[str]) -> Node:
    """Say what a stage runs whose name could not be read, if only one kind has its roles."""
    keys = mapping(item)
    if keys is None or _kind(item) or keys.entry("call"):
        return item
    given = {entry.name for entry in entries(keys.get("config"))}
    fitting = [
        kind
        for kind, facts in systems()["kinds"].items()
        if kind not in taken and given and _reads(facts["roles"], given)
    ]
    if len(fitting) != 1:
        return item
    run = Entry(Scalar("run", keys.span), stand_in(fitting[0], keys))
    kept = (entry for entry in keys if entry.name != "run")
    return Mapping((*kept, run), keys.span, keys.via)


def _reads(roles: dict[str, dict[str, bool]], given: set[str]) -> bool:
    needed = {role for role, facts in roles.items() if facts["required"]}
    return needed <= given <= set(roles)


def _kind(item: Node) -> str | None:
    """Return what a stage says that it is: its kind, or else its name."""
    block = mapping(item)
    name = text(block.get("run")) or text(block.get("name")) if block else text(item)
    return str(name.value) if name else None


def _wanted(stages: Node | None) -> Iterator[str]:
    """Yield the configs that stages name, and those that they take by the default rule."""
    for item in stages.items if isinstance(stages, Sequence) else ():
        block = mapping(item)
        given = block.get("config") if block else None
        named = _names(given)
        yield from named
        roles = systems()["kinds"].get(_kind(item), {}).get("roles", {})
        if given is None:
            yield from (role for role in roles if roles[role]["required"])


def _extended(block: Mapping) -> Iterator[str]:
    """Yield the configs that others extend, as far as the manifest says so."""
    for entry in block:
        config = mapping(entry.value)
        base = text(config.get("extends")) if config else None
        if base:
            yield str(base.value)


def _names(given: Node | None) -> Iterable[str]:
    values = [entry.value for entry in given] if isinstance(given, Mapping) else [given]
    return [str(name.value) for name in map(text, values) if isinstance(name, Scalar)]
