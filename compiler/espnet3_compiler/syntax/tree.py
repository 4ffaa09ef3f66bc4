"""The tree of a YAML text: frozen nodes that know where they were written.

Two trees are equal when they hold the same values in the same order; spans, styles and provenance
are not compared.
"""

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import NamedTuple, TypeVar, cast

from msgspec import Struct
from msgspec.structs import replace

from espnet3_compiler.diagnostics.source import ProvenanceStep, Span

Value = None | bool | int | float | str
Plain = Value | list["Plain"] | dict[str, "Plain"]
Path = tuple[str | int, ...]


class Scalar(Struct, frozen=True, eq=False):
    """A leaf.

    Attributes:
        value: The value by the YAML 1.2 core schema.
        span: Where the value is written; with quotes, for a block scalar with its indicator.
        style: ``plain``, ``single``, ``double``, ``literal``, ``folded``, or ``error`` for a
            placeholder.
        via: The steps from ``span`` to where the value is used, the last one first.
    """

    value: Value
    span: Span
    style: str = "plain"
    via: tuple[ProvenanceStep, ...] = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Scalar) and (self.value,) == (other.value,)  # of NaN, too

    def __ne__(self, other: object) -> bool:  # a Struct does not ask __eq__
        return not self == other

    def __hash__(self) -> int:
        return hash(self.value)


class Entry(NamedTuple):
    """A key and its value in a mapping."""

    key: Scalar
    value: "Node"

    @property
    def name(self) -> str:
        """The key as text."""
        return str(self.key.value)


class Mapping(Struct, frozen=True, eq=False, dict=True):
    """A mapping with its entries in the order of the text."""

    entries: tuple[Entry, ...]
    span: Span
    via: tuple[ProvenanceStep, ...] = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Mapping) and self.entries == other.entries

    def __ne__(self, other: object) -> bool:  # a Struct does not ask __eq__
        return not self == other

    def __hash__(self) -> int:
        return hash(self.entries)

    def entry(self, name: str) -> Entry | None:
        """Return the entry with a key, or None; the first of several."""
        return self._by_key.get(name)

    def get(self, name: str) -> "Node | None":
        """Return the value under a key, or None."""
        entry = self._by_key.get(name)
        return entry.value if entry else None

    @cached_property
    def _by_key(self) -> dict[Value, Entry]:
        return {entry.key.value: entry for entry in reversed(self.entries)}

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)


class Sequence(Struct, frozen=True, eq=False):
    """A list."""

    items: tuple["Node", ...]
    span: Span
    via: tuple[ProvenanceStep, ...] = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and self.items == other.items

    def __ne__(self, other: object) -> bool:  # a Struct does not ask __eq__
        return not self == other

    def __hash__(self) -> int:
        return hash(self.items)


Node = Scalar | Mapping | Sequence
N = TypeVar("N", bound=Node)


def children(node: Node) -> list[tuple[str | int, Node]]:
    """Return the values of a mapping or list with their keys or indices; a scalar has none."""
    if isinstance(node, Mapping):
        return [(str(key.value), value) for key, value in node.entries]
    return list(enumerate(node.items)) if isinstance(node, Sequence) else []


def walk_scalars(node: Node, path: Path = ()) -> list[tuple[Path, Scalar]]:
    """Return every scalar of a tree with its path, in the order of the text, keys left out."""
    found: list[tuple[Path, Scalar]] = []  # generators in each other would take twice the time
    _add_scalars(found, node, path)
    return found


def _add_scalars(found: list[tuple[Path, Scalar]], node: Node, path: Path) -> None:
    if isinstance(node, Scalar):
        found.append((path, node))
        return
    for step, child in children(node):
        if isinstance(child, Scalar):  # most are; a call for each would take more time
            found.append(((*path, step), child))
        else:
            _add_scalars(found, child, (*path, step))


def walk_mappings(node: Mapping | Sequence) -> list[Mapping]:
    """Return every mapping of a tree, after those in it."""
    found: list[Mapping] = []
    _add_mappings(found, node)
    return found


def _add_mappings(found: list[Mapping], node: Mapping | Sequence) -> None:
    below = [value for _, value in node.entries] if isinstance(node, Mapping) else node.items
    for child in below:
        if not isinstance(child, Scalar):
            _add_mappings(found, child)
    if isinstance(node, Mapping):
        found.append(node)


def map_children(node: N, change: Callable[[Node, str | int], Node]) -> N:
    """Return a mapping or list with changed values under the same keys; a scalar stays as it is.

    So does a node of which no value changes.  ``change`` takes each value and its key or index.
    """
    # Loops, since a comprehension takes one more frame of Python's stack at each level.
    changed = []
    same = True
    for step, child in children(node):
        value = change(child, step)
        changed.append(value)
        same = same and value is child
    if same:
        return node
    if isinstance(node, Mapping):
        entries = map(_with_value, node.entries, changed)
        return cast("N", Mapping(tuple(entries), node.span, node.via))
    if isinstance(node, Sequence):
        return cast("N", Sequence(tuple(changed), node.span, node.via))
    return node


def _with_value(entry: Entry, value: Node) -> Entry:
    return entry if value is entry.value else Entry(entry.key, value)


def map_keys(node: Mapping, rename: Callable[[Scalar], Value]) -> Mapping:
    """Return a mapping with renamed keys over the same values."""
    entries = [
        Entry(replace(entry.key, value=rename(entry.key)), entry.value) for entry in node.entries
    ]
    return Mapping(tuple(entries), node.span, node.via)


def change_provenance(node: N, added: tuple[ProvenanceStep, ...], dropped: int = 0) -> N:
    """Return a tree in which every node, keys too, came here in another way.

    Args:
        node: The tree.
        added: The last steps, the very last one first.
        dropped: How many steps these take the place of.
    """
    return cast("N", _changed(node, added, dropped))


def _changed(node: Node, added: tuple[ProvenanceStep, ...], dropped: int) -> Node:
    via = added + node.via[dropped:]  # the tuple itself where nothing is to be joined
    if isinstance(node, Scalar):
        return Scalar(node.value, node.span, node.style, via)
    if isinstance(node, Sequence):
        items = [_changed(item, added, dropped) for item in node.items]
        return Sequence(tuple(items), node.span, via)
    entries = []
    for key, value in node.entries:
        key = Scalar(key.value, key.span, key.style, added + key.via[dropped:])  # noqa: PLW2901
        entries.append(Entry(key, _changed(value, added, dropped)))
    return Mapping(tuple(entries), node.span, via)


def to_python(node: Node) -> Plain:
    """Return a node as ordinary dictionaries, lists and scalars."""
    if isinstance(node, Mapping):
        return {str(key.value): to_python(value) for key, value in node.entries}
    if isinstance(node, Sequence):
        return [to_python(item) for item in node.items]
    return node.value


def node_at(node: Node, path: Path) -> Node | None:
    """Return the node at a path of keys and indices, or None where there is none."""
    for step in path:
        child: Node | None = None
        if isinstance(node, Mapping) and isinstance(step, str):
            child = node.get(step)
        elif isinstance(node, Sequence) and isinstance(step, int) and 0 <= step < len(node.items):
            child = node.items[step]
        if child is None:
            return None
        node = child
    return node


def is_null(node: Node | None) -> bool:
    """Return whether a value is absent or null."""
    return node is None or (isinstance(node, Scalar) and node.value is None)


def format_path(path: Path) -> str:
    """Return a path as reports write it, ``dataset.train[0].name``."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".")
