"""Groups of stages with a ``matrix``, written out: the next steps see a manifest without them.

A group is a piece of a manifest, its stages and configs and models of their own, that stands once
for every row of its matrix. Names are filled in here, because lowering needs them; what else says
``${matrix.NAME}`` is left to the resolver, which knows the row of every stage, config and model.
"""

from dataclasses import dataclass, field

from espnet3_compiler.diagnostic import Diagnostic
from espnet3_compiler.lower_values import entries
from espnet3_compiler.matrix_names import is_repeated, taken, told_once
from espnet3_compiler.matrix_rows import rows_of
from espnet3_compiler.matrix_text import filled, filled_block, filled_stage, name_of
from espnet3_compiler.read_steps import is_legible, is_stand_in
from espnet3_compiler.resolve_roots import MATRIX
from espnet3_compiler.tree import Entry, Mapping, Node, Path, Scalar, Sequence

BLOCKS = ("configs", "models")

Rows = dict[Path, Mapping]


@dataclass
class Expansion:
    """A manifest without groups.

    Attributes:
        root: The manifest.
        rows: The row of a matrix that a stage, config or model belongs to, by its owner, for
            example ``("stages", "tune_1")``.
        templates: The names that rows gave, and the texts that they were made from.
        found: What is wrong with matrices and their names.
        whole: False where a group could not be written out.
        parts: What was written out, each with the definition of the schema that it should fit.
    """

    root: Mapping
    rows: Rows = field(default_factory=dict)
    templates: dict[str, str] = field(default_factory=dict)
    found: list[Diagnostic] = field(default_factory=list)
    whole: bool = True
    parts: list[tuple[str, Node]] = field(default_factory=list)


def expand(root: Mapping) -> Expansion:
    """Write out the groups of a manifest; one without groups comes back as it is."""
    stages = root.get("stages")
    made = Expansion(root)
    if not isinstance(stages, Sequence) or not any(map(is_group, stages.items)):
        return made
    blocks = {name: list(entries(root.get(name), every=True)) for name in BLOCKS}
    items: list[Node] = []
    for item in stages.items:
        if is_group(item):
            assert isinstance(item, Mapping)
            items += _write_out(item, blocks, made)
        else:
            items.append(item)
    whole = {name: Mapping(tuple(block), stages.span) for name, block in blocks.items()}
    made.root = _with(root, {**whole, "stages": Sequence(tuple(items), stages.span, stages.via)})
    return made


def is_group(item: Node) -> bool:
    """Return whether an item of ``stages`` is a group."""
    return isinstance(item, Mapping) and item.entry(MATRIX) is not None


def _write_out(group: Mapping, blocks: dict[str, list[Entry]], made: Expansion) -> list[Node]:
    """Add the configs and models of a group, and return its stages; the group itself if broken."""
    rows = rows_of(group.entry(MATRIX), made.found)
    stages = group.get("stages")
    items = stages.items if isinstance(stages, Sequence) else ()
    if not rows or not items:
        made.whole = False
        return [group]
    made.whole = made.whole and is_legible(group)
    keys = [entry.key for name in BLOCKS for entry in entries(group.get(name), every=True)]
    names = [name for name in (*map(name_of, items), *keys) if name is not None]
    twice = [name for name in names if is_repeated(name, rows, made.found)]
    if twice:
        made.whole, rows = False, rows[:1]
    written: list[Node] = []
    for row in rows:
        for block in BLOCKS:
            for entry in entries(group.get(block), every=True):
                _add(entry, block, row, blocks[block], made)
        for item in items:
            stage = filled_stage(item, row, made.found)
            written.append(stage)
            made.parts.append(("stage", stage))
            _note(("stages",), name_of(stage), name_of(item), row, made)
    return written


def _add(entry: Entry, block: str, row: Mapping, others: list[Entry], made: Expansion) -> None:
    key = filled(entry.key, row, made.found)
    first = next((other.key for other in others if other.key.value == key.value), None)
    if first is not None and not is_stand_in(key):
        made.found.append(taken(block, key, first))
        return
    _note((block,), key, entry.key, row, made)
    others.append(Entry(key, entry.value))
    if block == "configs":
        others[-1] = Entry(key, filled_block(entry.value, row, made.found))
        made.parts.append(("config", others[-1].value))


def _note(
    owner: Path, name: Scalar | None, template: Scalar | None, row: Mapping, made: Expansion
) -> None:
    if name is None or template is None or is_stand_in(name):
        made.whole = False
        return
    made.rows[*owner, str(name.value)] = row
    made.templates[str(name.value)] = str(template.value)


def _with(root: Mapping, values: dict[str, Node]) -> Mapping:
    """Return a manifest with other values; a block that is there but no mapping stays wrong."""
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
        if root.entry(name) is None and entries(node, every=True)
    ]
    return Mapping((*kept, *missing), root.span, root.via)


__all__ = ["Expansion", "expand", "told_once"]
