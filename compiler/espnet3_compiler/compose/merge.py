"""Lay one tree over another: mappings merge, lists and scalars replace, ``~key`` deletes."""

from dataclasses import dataclass, field

from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Edit, Fix, Label
from espnet3_compiler.diagnostics.source import ProvenanceStep, Span
from espnet3_compiler.diagnostics.suggest import closest_match, is_certain_match
from espnet3_compiler.schema.defaults import SchemaLocation, schema_defaults
from espnet3_compiler.syntax.placeholder import with_provenance
from espnet3_compiler.syntax.tree import Entry, Mapping, Node, Path, Scalar, map_children
from espnet3_schemas import TARGET


@dataclass
class MergeRecord:
    """What happened while the layers of one config were laid over each other."""

    history: dict[Path, tuple[Node, ...]] = field(default_factory=dict)
    found: list[Diagnostic] = field(default_factory=list)

    def remember(self, path: Path, node: Node | None) -> None:
        """Note that a node gave way at a path."""
        if node is not None:
            self.history[path] = (*self.history.get(path, ()), node)


def merge_nodes(
    base: Node | None, over: Node, slot: SchemaLocation, path: Path, record: MergeRecord
) -> Node:
    """Return ``over`` laid over ``base``.

    A mapping that has nothing under it inherits the defaults of its slot.  A mapping with another
    ``_target_`` than the one under it inherits nothing: the old target's arguments are not the
    new one's.

    Args:
        base: What stands there so far.
        over: What is laid over it.
        slot: What the schema says about the place.
        path: The place, for the record.
        record: Takes the history and the mistakes.
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
    entries = {entry.name: entry for entry in under}
    for entry in over:
        if entry.name.startswith("~"):
            _delete_key(entries, entry, path, record)
            continue
        existing = entries.get(entry.name)
        value = merge_nodes(
            existing.value if existing else None,
            entry.value,
            slot.child(entry.name, over),
            (*path, entry.name),
            record,
        )
        entries[entry.name] = Entry(_first_written_key(existing, entry), value)
    written = under.span.source.kind != "schema" and under.entries
    place = under if written else over
    return Mapping(tuple(entries.values()), place.span, place.via)


def _first_written_key(existing: Entry | None, entry: Entry) -> Scalar:
    """Return the key that was written first: a wrong one is wrong there."""
    written = existing and existing.key.span.source.kind != "schema"
    return existing.key if existing and written else entry.key


def _base_mapping(
    base: Node | None, over: Mapping, slot: SchemaLocation, path: Path, record: MergeRecord
) -> Mapping:
    if isinstance(base, Mapping):
        if not _changes_target(base, over):
            return base
        record.remember(path, base)
        for entry in base:
            record.remember((*path, entry.name), entry.value)
        return Mapping((), over.span, over.via)
    record.remember(path, base)
    if not slot.schema:
        return Mapping((), over.span, over.via)
    return with_provenance(schema_defaults(slot), ProvenanceStep("default", over.span))


def _changes_target(base: Mapping, over: Mapping) -> bool:
    old, new = base.get(TARGET), over.get(TARGET)
    return old is not None and new is not None and old != new


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
    near = closest_match(name, known)
    fix = None
    if near:
        edit = Edit(_name_span(entry.key.span), near)
        fix = Fix(f'write "~{near}"', (edit,), certain=is_certain_match(name, known))
    return Diagnostic(
        "R308",
        f'"{entry.name}" deletes nothing: no key "{name}" is inherited here',
        Label(
            entry.key.span, f"inherited are {', '.join(known[:8])}" if known else "nothing below"
        ),
        help=(f'did you mean "~{near}"?' if near else "remove the line",),
        fix=fix,
    )


def _name_span(key: Span) -> Span:
    at = key.text.find("~") + 1
    end = len(key.text.rstrip("'\""))
    return Span(key.source, key.start + at, key.start + end)
