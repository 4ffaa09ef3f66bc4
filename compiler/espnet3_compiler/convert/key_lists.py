"""Put every key of the configs of an ESPnet3 recipe into one of three lists."""

from collections.abc import Iterable, Iterator, Mapping

from espnet3_compiler.convert.notes import (
    CHANGED,
    KEPT,
    LEFT_OUT,
    NOT_CARRIED,
    KeyNote,
    Notes,
    Outcome,
    became,
    key_place,
    left_out,
    lost,
)
from espnet3_compiler.diagnostics.source import Span
from espnet3_compiler.syntax.tree import Entry, Node, Path, Sequence, children, format_path, is_null
from espnet3_compiler.syntax.tree import Mapping as Tree

UNREAD = lost("nothing reads it")
REFERRED = became("its value", "it stands where the config refers to it")
NOTHING = left_out("it is empty: there is nothing to carry")


def sort_keys(trees: Mapping[str, Tree], notes: Notes) -> list[KeyNote]:
    """Return what becomes of every key that has no keys below it, and of what is noted besides.

    Args:
        trees: The configs as they are written, by their files.
        notes: What was noted while they were translated.
    """
    found = list(notes.others)
    for file, tree in trees.items():
        for entry, key, outcome in _outcomes_below(tree, (), None, notes):
            line, _ = entry.key.span.source.line_column(entry.key.span.start)
            text = "" if list(_entries_in(entry.value)) else " ".join(entry.value.span.text.split())
            found.append(KeyNote(outcome, file, line, key, text))
            notes.paths[key_place(entry.key.span)] = key
    order = {name: number for number, name in enumerate((NOT_CARRIED, CHANGED))}
    return sorted(found, key=lambda note: (order.get(note.outcome.list, 2), note.file, note.line))


def _outcomes_below(
    node: Node, path: Path, above: Outcome | None, notes: Notes
) -> Iterator[tuple[Entry, str, Outcome]]:
    """Yield the entries below a node with their paths and outcomes; ``above`` is that of a key."""
    if isinstance(node, Sequence):
        for index, item in enumerate(node.items):
            yield from _outcomes_below(item, (*path, index), above, notes)
    for entry in node if isinstance(node, Tree) else ():
        here = (*path, entry.name)
        own = _noted(entry, notes)
        outcome = above if above and _holds_below(above) else own or above
        if own and own is outcome:
            yield entry, format_path(here), own
        if list(_entries_in(entry.value)):
            yield from _outcomes_below(entry.value, here, outcome, notes)
        elif not own or own is not outcome:
            yield entry, format_path(here), _leaf_outcome(entry, outcome, notes)


def _noted(entry: Entry, notes: Notes) -> Outcome | None:
    """Return what was noted of a key; what is lost counts most."""
    noted = list(notes.keys.get(key_place(entry.key.span), ()))
    if not noted:
        return None
    first = next((one for one in noted if one.list == NOT_CARRIED), noted[0])
    same = [one for one in noted if one.list == first.list and one.to == first.to]
    return Outcome(first.list, first.to, "; ".join(dict.fromkeys(one.why for one in same)))


def _leaf_outcome(entry: Entry, above: Outcome | None, notes: Notes) -> Outcome:
    place = key_place(entry.key.span)
    if above and _holds_below(above):
        return above
    if place in notes.read:
        return KEPT
    if place in notes.uses:
        return notes.uses[place]
    if place in notes.referred:
        return REFERRED
    if by := notes.overridden.get(place):
        line, _ = by.source.line_column(by.start)
        return left_out(f"{by.source.name}:{line} replaces it")
    return above or (NOTHING if _is_empty(entry.value) else UNREAD)


def _holds_below(outcome: Outcome) -> bool:
    """Return whether all keys below one share its outcome, whoever looked at them."""
    return outcome.list == NOT_CARRIED or outcome.to == LEFT_OUT


def _is_empty(node: Node) -> bool:
    return is_null(node) or (isinstance(node, Tree | Sequence) and not children(node))


def _entries_in(node: Node) -> Iterator[Entry]:
    yield from node if isinstance(node, Tree) else ()
    for item in node.items if isinstance(node, Sequence) else ():
        yield from _entries_in(item)


def find_key(trees: Iterable[Tree], span: Span, rest: Path) -> tuple[Entry, Path] | None:
    """Return the key at a path below another one, or the nearest above it with the rest of it.

    What is left of the path is empty for the key itself, and where a reference stands for it.

    Args:
        trees: The configs as they are written.
        span: The other key, or an item of a list.
        rest: The path below it.
    """
    start = next((found for tree in trees if (found := _entry_at(tree, span))), None)
    if start is None:
        return None
    entry, node = start
    for index, step in enumerate(rest):
        child = dict(children(node)).get(step)
        if child is None:
            return entry, rest[index:] if isinstance(node, Tree) else ()
        entry = node.entry(str(step)) or entry if isinstance(node, Tree) else entry
        node = child
    return entry, ()


def _entry_at(node: Node, span: Span, last: Entry | None = None) -> tuple[Entry, Node] | None:
    """Return the entry with a key at a span, or the one that holds the value there."""
    if node.span.source.name != span.source.name:
        return None
    if last is not None and isinstance(node, Tree) and node.span == span:
        return last, node
    for entry in node if isinstance(node, Tree) else ():
        if entry.key.span == span:
            return entry, entry.value
        if found := _entry_at(entry.value, span, entry):
            return found
    for item in node.items if isinstance(node, Sequence) else ():
        if found := _entry_at(item, span, last):
            return found
    return None
