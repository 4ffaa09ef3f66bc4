"""Expand groups of stages with a ``matrix``: the next steps see a manifest without groups.

A group holds stages, configs and models that stand once for every row of its matrix. Names are
filled in here, because the next step needs them; a name without a value of the matrix gets the id
of the row. Other ``${matrix.NAME}`` are left to the resolver, which knows the row of every stage,
config and model.
"""

from msgspec.structs import replace

from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.expressions.nodes import MATRIX
from espnet3_compiler.manifest.group_names import GroupNames
from espnet3_compiler.manifest.matrix_names import duplicate_name, find_repeated, find_same_rows
from espnet3_compiler.manifest.matrix_rows import read_rows
from espnet3_compiler.manifest.matrix_values import (
    fill_config,
    fill_stage,
    fill_text,
    is_short_name,
    name_stage,
    row_name,
    stage_item_name,
)
from espnet3_compiler.manifest.values import mapping_entries
from espnet3_compiler.syntax.placeholder import has_certain_keys, is_placeholder
from espnet3_compiler.syntax.tree import Entry, Mapping, Node, Path, Scalar, Sequence

BLOCKS = ("configs", "models")


class Expansion:
    """A manifest without groups.

    Attributes:
        root: The manifest.
        rows: The row of a matrix that a stage, config or model belongs to, by its owner, for
            example ``("stages", "tune_1")``.
        templates: The names that rows gave, and the texts that they were made from.
        names: The short names of its row, and the full ones, by the same owners.
        found: Findings about matrices and their names.
        complete: False where a group could not be expanded.
        parts: The expanded nodes, each with the definition of the schema that it should fit.
    """

    def __init__(self, root: Mapping) -> None:
        self.root = root
        self.rows: dict[Path, Mapping] = {}
        self.templates: dict[str, str] = {}
        self.names: dict[Path, dict[tuple[str, str], str]] = {}
        self.found: list[Diagnostic] = []
        self.complete = True
        self.parts: list[tuple[str, Node]] = []

    @property
    def group_names(self) -> GroupNames:
        """What short names mean in the groups."""
        return GroupNames(self.names)


def expand(root: Mapping) -> Expansion:
    """Expand the groups of a manifest; one without groups is returned as it is."""
    stages = root.get("stages")
    made = Expansion(root)
    if stages is None or not any(map(_as_group, _items(stages))):
        return made
    blocks = {name: list(mapping_entries(root.get(name), every=True)) for name in BLOCKS}
    items: list[Node] = []
    for item in _items(stages):
        group = _as_group(item)
        items += _expand_group(group, blocks, made) if group else [item]
    values: dict[str, Node] = {
        name: Mapping(tuple(block), stages.span) for name, block in blocks.items()
    }
    values["stages"] = Sequence(tuple(items), stages.span, stages.via)
    made.root = _replace_blocks(root, values)
    return made


def _as_group(item: Node) -> Mapping | None:
    return item if isinstance(item, Mapping) and item.entry(MATRIX) else None


def _items(node: Node | None) -> tuple[Node, ...]:
    return node.items if isinstance(node, Sequence) else ()


def _expand_group(group: Mapping, blocks: dict[str, list[Entry]], made: Expansion) -> list[Node]:
    """Add the configs and models of a group, and return its stages; the group itself if broken."""
    rows = read_rows(group, made.found)
    items = _items(group.get("stages"))
    if not rows or not items:
        made.complete = False
        return [group]
    made.complete = made.complete and has_certain_keys(group)
    own = {name: mapping_entries(group.get(name), every=True) for name in BLOCKS}
    named = [("stages", name) for name in map(stage_item_name, items) if name is not None]
    named += [(block, entry.key) for block, entries in own.items() for entry in entries]
    short = [(block, str(name.value)) for block, name in named if is_short_name(name)]
    repeated = find_same_rows(rows) if short else None
    repeated = repeated or find_repeated([n for _, n in named if not is_short_name(n)], rows)
    if repeated:
        made.found.append(repeated)
        made.complete, rows = False, rows[:1]
    expanded: list[Node] = []
    for row in rows:
        names = {(block, name): row_name(name, row) for block, name in short}
        for block, entries in own.items():
            for entry in entries:
                _add_entry(entry, block, row, blocks[block], names, made)
        expanded += [_expand_stage(item, row, names, made) for item in items]
    return expanded


def _expand_stage(
    item: Node, row: Mapping, names: dict[tuple[str, str], str], made: Expansion
) -> Node:
    stage = fill_stage(name_stage(item, row), row, made.found)
    made.parts.append(("stage", stage))
    _record_row("stages", stage_item_name(stage), stage_item_name(item), row, names, made)
    return stage


def _add_entry(
    entry: Entry,
    block: str,
    row: Mapping,
    others: list[Entry],
    names: dict[tuple[str, str], str],
    made: Expansion,
) -> None:
    key = fill_text(entry.key, row, made.found)
    if is_short_name(entry.key):
        key = replace(key, value=row_name(str(key.value), row))
    first = next((other.key for other in others if other.key.value == key.value), None)
    if first is not None and not is_placeholder(key):
        made.found.append(duplicate_name(block, key, first))
        return
    _record_row(block, key, entry.key, row, names, made)
    value = entry.value
    if block == "configs":
        value = fill_config(value, row, made.found)
        made.parts.append(("config", value))
    others.append(Entry(key, value))


def _record_row(
    block: str,
    name: Scalar | None,
    template: Scalar | None,
    row: Mapping,
    names: dict[tuple[str, str], str],
    made: Expansion,
) -> None:
    if name is None or template is None or is_placeholder(name):
        made.complete = False
        return
    made.rows[block, str(name.value)] = row
    made.names[block, str(name.value)] = names
    if not is_short_name(template):
        names[block, str(name.value)] = str(name.value)
    made.templates[str(name.value)] = str(template.value)


def _replace_blocks(root: Mapping, values: dict[str, Node]) -> Mapping:
    """Return a manifest with other values; a block of a wrong type stays as it is."""
    wrong = [name for name in BLOCKS if not isinstance(root.get(name), Mapping)]
    kept = [
        Entry(entry.key, values[entry.name])
        if entry.name in values and entry.name not in wrong
        else entry
        for entry in root
    ]
    missing = [
        Entry(Scalar(name, node.span), node)
        for name, node in values.items()
        if root.entry(name) is None and mapping_entries(node, every=True)
    ]
    return Mapping((*kept, *missing), root.span, root.via)
