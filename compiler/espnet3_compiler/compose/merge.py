"""Merge two trees: mappings merge, lists and scalars replace, ``~key`` deletes."""

from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.diagnostics.source import ProvenanceStep
from espnet3_compiler.schema.defaults import SchemaLocation, schema_defaults
from espnet3_compiler.syntax.placeholder import with_provenance
from espnet3_compiler.syntax.tree import Entry, Mapping, Node, Path, Scalar, map_children
from espnet3_compiler.syntax.unknown_name import unknown_name
from espnet3_schemas import TARGET


class Copies:
    """Trees with more steps of provenance, each made once: configs inherit the same layers."""

    def __init__(self) -> None:
        self._made: dict[tuple[int, tuple[ProvenanceStep, ...]], tuple[Mapping, Mapping]] = {}

    def with_provenance(self, node: Mapping, *steps: ProvenanceStep) -> Mapping:
        """Return a copy in which every node came through more steps, the last one first."""
        key = id(node), steps
        if key not in self._made:
            self._made[key] = node, with_provenance(node, *steps)
        return self._made[key][1]


class MergeRecord:
    """The history and the findings of merging the layers of one config.

    Attributes:
        history: The nodes that were replaced, by path.
        found: What is wrong with the layers.
        copies: Defaults and layers as they came here; those of all configs.
    """

    def __init__(self, copies: Copies | None = None) -> None:
        self.copies = copies or Copies()
        self.history: dict[Path, tuple[Node, ...]] = {}
        self.found: list[Diagnostic] = []

    def remember(self, path: Path, node: Node | None) -> None:
        """Add a node that was replaced at a path."""
        if node is not None:
            self.history[path] = (*self.history.get(path, ()), node)


def merge_nodes(
    base: Node | None, over: Node, slot: SchemaLocation, path: Path, record: MergeRecord
) -> Node:
    """Return ``over`` merged into ``base``.

    A mapping without a base inherits the defaults of its schema.  A mapping with another
    ``_target_`` than its base inherits nothing: the arguments belong to the old target.

    Args:
        base: The value so far.
        over: The value that replaces it or is merged into it.
        slot: The schema of the value.
        path: The path of the value, for the record.
        record: Collects the history and the findings.
    """
    if isinstance(over, Mapping):
        return _merge_mapping(base, over, slot, path, record)
    record.remember(path, base)
    if isinstance(over, Scalar):
        return over
    return map_children(
        over, lambda item, i: merge_nodes(None, item, slot.item(int(i)), (*path, i), record)
    )


def _merge_mapping(
    base: Node | None, over: Mapping, slot: SchemaLocation, path: Path, record: MergeRecord
) -> Mapping:
    under = _base_mapping(base, over, slot, path, record)
    entries = {str(entry.key.value): entry for entry in under.entries}
    for entry in over.entries:
        name = str(entry.key.value)
        if name.startswith("~"):
            _delete_key(entries, entry, path, record)
            continue
        existing = entries.get(name)
        if existing is None and isinstance(entry.value, Scalar):
            entries[name] = entry
            continue
        value = merge_nodes(
            existing.value if existing else None,
            entry.value,
            slot if isinstance(entry.value, Scalar) else slot.child(name, over),
            (*path, name),
            record,
        )
        written = existing and not existing.key.span.source.holds_defaults
        first = existing if existing and written else entry  # a wrong key is reported there
        same = first is entry and value is entry.value
        entries[name] = entry if same else Entry(first.key, value)
    origin = under if not under.span.source.holds_defaults and under.entries else over
    return Mapping(tuple(entries.values()), origin.span, origin.via)


def _base_mapping(
    base: Node | None, over: Mapping, slot: SchemaLocation, path: Path, record: MergeRecord
) -> Mapping:
    if isinstance(base, Mapping):
        new = over.get(TARGET)
        old = base.get(TARGET) if new else None  # few layers name a target
        if old is None or old == new:
            return base
        record.remember(path, base)
        for entry in base:
            record.remember((*path, entry.name), entry.value)
        return Mapping((), over.span, over.via)
    record.remember(path, base)
    if not slot.schema:
        return Mapping((), over.span, over.via)
    step = ProvenanceStep("default", over.span)
    return record.copies.with_provenance(schema_defaults(slot), step)


def _delete_key(entries: dict[str, Entry], entry: Entry, path: Path, record: MergeRecord) -> None:
    name = entry.name[1:]
    if not isinstance(entry.value, Scalar) or entry.value.value is not None:
        record.found.append(_deletion_with_value(entry))
    if name in entries:
        record.remember((*path, name), entries.pop(name).value)
    else:
        record.found.append(_nothing_to_delete(entry, name, list(entries)))


def _deletion_with_value(entry: Entry) -> Diagnostic:
    return Diagnostic(
        "R602",
        f'"{entry.name}" deletes a key and takes no value',
        Label(entry.value.span, "a value"),
        help=(f'write "{entry.name}:" to delete, or "{entry.name[1:]}: ..." to set',),
    )


def _nothing_to_delete(entry: Entry, name: str, known: list[str]) -> Diagnostic:
    message = f'"{entry.name}" deletes nothing: no key "{name}" is inherited here'
    candidates = [f"~{key}" for key in known]
    return unknown_name("R308", message, entry.key, candidates, "remove the line")
