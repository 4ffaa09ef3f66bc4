"""Groups of stages with a ``matrix``, written out: the next steps see a manifest without them.

A group is a piece of a manifest, its stages and configs and models of their own, that stands once
for every row of its matrix. Names are filled in here, because lowering needs them; what else says
``${matrix.NAME}`` is left to the resolver, which knows the row of every stage, config and model.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice, product

from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.expressions.nodes import MATRIX
from espnet3_compiler.expressions.template import has_reference
from espnet3_compiler.manifest.matrix_names import is_repeated, merge_row_findings, name_taken
from espnet3_compiler.manifest.matrix_values import (
    fill_config,
    fill_stage,
    fill_text,
    stage_item_name,
)
from espnet3_compiler.manifest.values import mapping_entries
from espnet3_compiler.syntax.placeholder import has_certain_keys, is_placeholder
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

_Rows = tuple[Mapping, ...]


def read_rows(matrix: Entry | None, found: list[Diagnostic]) -> _Rows:
    """Return the rows of a matrix, each a mapping from name to scalar.

    Args:
        matrix: The entry of the group. ``[{round: 1, start: a}, …]`` are rows as they stand;
            ``{round: [1, 2], size: [a, b]}`` gives every combination, the last name fastest.
        found: Takes what the schema cannot see: no rows, too many, references among the values.
    """
    if matrix is None or is_placeholder(matrix.value):
        return ()
    node = matrix.value
    rows = tuple(islice(_raw_rows(node), MAX_ROWS + 1))
    if len(rows) > MAX_ROWS:
        found.append(_too_many(matrix))
        return ()
    if isinstance(node, Mapping | Sequence) and any(not row.entries for row in rows):
        found.append(_empty_row(matrix))
        return ()
    found += [_reference_in_value(place) for place in dict.fromkeys(_find_references(node))]
    return tuple(map_children(row, lambda value, _: _value_or_placeholder(value)) for row in rows)


def _raw_rows(node: Node) -> Iterable[Mapping]:
    if isinstance(node, Sequence):
        return tuple(item for item in node.items if isinstance(item, Mapping))
    if not isinstance(node, Mapping):
        return ()
    choices = [
        [Entry(entry.key, item) for item in _list_items(entry.value) if isinstance(item, Scalar)]
        for entry in node
    ]
    return (Mapping(row, node.span, node.via) for row in product(*choices))


def _list_items(node: Node) -> tuple[Node, ...]:
    return node.items if isinstance(node, Sequence) else ()


def _find_references(node: Node) -> list[Scalar]:
    scalars = [scalar for _, scalar in walk_scalars(node)]
    return [leaf for leaf in scalars if has_reference(leaf.value) and not is_placeholder(leaf)]


def _value_or_placeholder(node: Node) -> Node:
    """Return a value of a row, or a placeholder where it has been reported."""
    if isinstance(node, Scalar) and node.value is not None and not has_reference(node.value):
        return node
    return Scalar("${}", node.span, "error", node.via)


def _too_many(matrix: Entry) -> Diagnostic:
    return Diagnostic(
        "R105",
        f"a matrix has more than {MAX_ROWS} rows",
        Label(matrix.key.span, "every combination is a row"),
        help=("list the rows that are meant: [{NAME: VALUE, …}, …]",),
    )


def _empty_row(matrix: Entry) -> Diagnostic:
    return Diagnostic(
        "R605",
        "a row of a matrix gives no name a value",
        Label(matrix.key.span, "expected at least one name in every row"),
        help=("for example matrix: {round: [1, 2, 3]}",),
    )


def _reference_in_value(place: Scalar) -> Diagnostic:
    return Diagnostic(
        "R606",
        f'a value of a matrix cannot hold a reference: "{place.value}"',
        Label(place.span, "must be a plain text or number"),
        help=("write the reference where the value is used; the matrix can choose what it names",),
    )


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
    blocks = {name: list(mapping_entries(root.get(name), every=True)) for name in BLOCKS}
    items: list[Node] = []
    for item in stages.items:
        if is_group(item):
            assert isinstance(item, Mapping)
            items += _expand_group(item, blocks, made)
        else:
            items.append(item)
    whole = {name: Mapping(tuple(block), stages.span) for name, block in blocks.items()}
    made.root = _replace_blocks(
        root, {**whole, "stages": Sequence(tuple(items), stages.span, stages.via)}
    )
    return made


def is_group(item: Node) -> bool:
    """Return whether an item of ``stages`` is a group."""
    return isinstance(item, Mapping) and item.entry(MATRIX) is not None


def _expand_group(group: Mapping, blocks: dict[str, list[Entry]], made: Expansion) -> list[Node]:
    """Add the configs and models of a group, and return its stages; the group itself if broken."""
    rows = read_rows(group.entry(MATRIX), made.found)
    stages = group.get("stages")
    items = stages.items if isinstance(stages, Sequence) else ()
    if not rows or not items:
        made.whole = False
        return [group]
    made.whole = made.whole and has_certain_keys(group)
    keys = [entry.key for name in BLOCKS for entry in mapping_entries(group.get(name), every=True)]
    names = [name for name in (*map(stage_item_name, items), *keys) if name is not None]
    twice = [name for name in names if is_repeated(name, rows, made.found)]
    if twice:
        made.whole, rows = False, rows[:1]
    written: list[Node] = []
    for row in rows:
        for block in BLOCKS:
            for entry in mapping_entries(group.get(block), every=True):
                _add_entry(entry, block, row, blocks[block], made)
        for item in items:
            stage = fill_stage(item, row, made.found)
            written.append(stage)
            made.parts.append(("stage", stage))
            _record_row(("stages",), stage_item_name(stage), stage_item_name(item), row, made)
    return written


def _add_entry(
    entry: Entry, block: str, row: Mapping, others: list[Entry], made: Expansion
) -> None:
    key = fill_text(entry.key, row, made.found)
    first = next((other.key for other in others if other.key.value == key.value), None)
    if first is not None and not is_placeholder(key):
        made.found.append(name_taken(block, key, first))
        return
    _record_row((block,), key, entry.key, row, made)
    others.append(Entry(key, entry.value))
    if block == "configs":
        others[-1] = Entry(key, fill_config(entry.value, row, made.found))
        made.parts.append(("config", others[-1].value))


def _record_row(
    owner: Path, name: Scalar | None, template: Scalar | None, row: Mapping, made: Expansion
) -> None:
    if name is None or template is None or is_placeholder(name):
        made.whole = False
        return
    made.rows[*owner, str(name.value)] = row
    made.templates[str(name.value)] = str(template.value)


def _replace_blocks(root: Mapping, values: dict[str, Node]) -> Mapping:
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
        if root.entry(name) is None and mapping_entries(node, every=True)
    ]
    return Mapping((*kept, *missing), root.span, root.via)


__all__ = ["Expansion", "expand", "merge_row_findings"]
