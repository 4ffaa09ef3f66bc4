"""Expand groups of stages with a ``matrix``: the next steps see a manifest without groups.

A group holds stages, configs and models that stand once for every row of its matrix. Names are
filled in here, because the next step needs them; other ``${matrix.NAME}`` are left to the
resolver, which knows the row of every stage, config and model.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice, product

from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.expressions.nodes import MATRIX
from espnet3_compiler.expressions.template import has_reference
from espnet3_compiler.manifest.matrix_names import duplicate_name, find_repeated
from espnet3_compiler.manifest.matrix_values import (
    fill_config,
    fill_stage,
    fill_text,
    stage_item_name,
)
from espnet3_compiler.manifest.values import mapping_entries
from espnet3_compiler.syntax.placeholder import has_certain_keys, is_placeholder, placeholder
from espnet3_compiler.syntax.tree import (
    Entry,
    Mapping,
    Node,
    Path,
    Scalar,
    Sequence,
    map_children,
    walk_scalars,
)

MAX_ROWS = 1000
BLOCKS = ("configs", "models")


def _read_rows(matrix: Entry | None, found: list[Diagnostic]) -> tuple[Mapping, ...]:
    """Return the rows of a matrix, each a mapping from name to scalar.

    ``[{round: 1, start: a}, …]`` are rows; ``{round: [1, 2], size: [a, b]}`` gives every
    combination, the last name fastest. The schema cannot see missing rows, too many rows and
    references among the values: they are reported here.
    """
    if matrix is None or is_placeholder(matrix.value):
        return ()
    node = matrix.value
    rows = tuple(islice(_raw_rows(node), MAX_ROWS + 1))
    if len(rows) > MAX_ROWS:
        label = Label(matrix.key.span, "every combination is a row")
        hint = "list the rows that are meant: [{NAME: VALUE, …}, …]"
        message = f"a matrix has more than {MAX_ROWS} rows"
        found.append(Diagnostic("R105", message, label, help=(hint,)))
        return ()
    if isinstance(node, Mapping | Sequence) and any(not row.entries for row in rows):
        label = Label(matrix.key.span, "expected at least one name in every row")
        hint = "for example matrix: {round: [1, 2, 3]}"
        message = "a row of a matrix gives no name a value"
        found.append(Diagnostic("R605", message, label, help=(hint,)))
        return ()
    found += [_reference_in_value(scalar) for scalar in dict.fromkeys(_find_references(node))]
    return tuple(map_children(row, lambda value, _: _value_or_placeholder(value)) for row in rows)


def _raw_rows(node: Node) -> Iterable[Mapping]:
    if isinstance(node, Sequence):
        return tuple(item for item in node.items if isinstance(item, Mapping))
    if not isinstance(node, Mapping):
        return ()
    choices = [
        [Entry(entry.key, item) for item in _items(entry.value) if isinstance(item, Scalar)]
        for entry in node
    ]
    return (Mapping(row, node.span, node.via) for row in product(*choices))


def _items(node: Node | None) -> tuple[Node, ...]:
    return node.items if isinstance(node, Sequence) else ()


def _find_references(node: Node) -> list[Scalar]:
    scalars = [scalar for _, scalar in walk_scalars(node)]
    return [leaf for leaf in scalars if has_reference(leaf.value) and not is_placeholder(leaf)]


def _value_or_placeholder(node: Node) -> Node:
    """Return a value of a row, or a placeholder where it has been reported."""
    if isinstance(node, Scalar) and node.value is not None and not has_reference(node.value):
        return node
    return placeholder(node.span)


def _reference_in_value(scalar: Scalar) -> Diagnostic:
    return Diagnostic(
        "R606",
        f'a value of a matrix cannot hold a reference: "{scalar.value}"',
        Label(scalar.span, "must be a plain text or number"),
        help=("write the reference where the value is used; the matrix can choose what it names",),
    )


@dataclass
class Expansion:
    """A manifest without groups.

    Attributes:
        root: The manifest.
        rows: The row of a matrix that a stage, config or model belongs to, by its owner, for
            example ``("stages", "tune_1")``.
        templates: The names that rows gave, and the texts that they were made from.
        found: Findings about matrices and their names.
        complete: False where a group could not be expanded.
        parts: The expanded nodes, each with the definition of the schema that it should fit.
    """

    root: Mapping
    rows: dict[Path, Mapping] = field(default_factory=dict)
    templates: dict[str, str] = field(default_factory=dict)
    found: list[Diagnostic] = field(default_factory=list)
    complete: bool = True
    parts: list[tuple[str, Node]] = field(default_factory=list)


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


def _expand_group(group: Mapping, blocks: dict[str, list[Entry]], made: Expansion) -> list[Node]:
    """Add the configs and models of a group, and return its stages; the group itself if broken."""
    rows = _read_rows(group.entry(MATRIX), made.found)
    items = _items(group.get("stages"))
    if not rows or not items:
        made.complete = False
        return [group]
    made.complete = made.complete and has_certain_keys(group)
    own = {name: mapping_entries(group.get(name), every=True) for name in BLOCKS}
    keys = [entry.key for entries in own.values() for entry in entries]
    names = [name for name in (*map(stage_item_name, items), *keys) if name is not None]
    if repeated := find_repeated(names, rows):
        made.found.append(repeated)
        made.complete, rows = False, rows[:1]
    expanded: list[Node] = []
    for row in rows:
        for block, entries in own.items():
            for entry in entries:
                _add_entry(entry, block, row, blocks[block], made)
        for item in items:
            stage = fill_stage(item, row, made.found)
            expanded.append(stage)
            made.parts.append(("stage", stage))
            _record_row("stages", stage_item_name(stage), stage_item_name(item), row, made)
    return expanded


def _add_entry(
    entry: Entry, block: str, row: Mapping, others: list[Entry], made: Expansion
) -> None:
    key = fill_text(entry.key, row, made.found)
    first = next((other.key for other in others if other.key.value == key.value), None)
    if first is not None and not is_placeholder(key):
        made.found.append(duplicate_name(block, key, first))
        return
    _record_row(block, key, entry.key, row, made)
    value = entry.value
    if block == "configs":
        value = fill_config(value, row, made.found)
        made.parts.append(("config", value))
    others.append(Entry(key, value))


def _record_row(
    block: str, name: Scalar | None, template: Scalar | None, row: Mapping, made: Expansion
) -> None:
    if name is None or template is None or is_placeholder(name):
        made.complete = False
        return
    made.rows[block, str(name.value)] = row
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
