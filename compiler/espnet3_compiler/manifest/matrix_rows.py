"""Read the rows of a matrix: lists of rows, products of values, and what a product leaves out.

Passes: ``matrix: {lr: [1e-3, 3e-4], size: [64, 128]}`` with ``exclude: [{lr: 1e-3, size: 128}]``.
Fails: a name without values, a value twice, a row that ``exclude`` names and the matrix has not.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import islice, product

from msgspec.structs import replace

from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.expressions.nodes import MATRIX
from espnet3_compiler.expressions.template import has_reference
from espnet3_compiler.manifest.row_ids import ID, row_ids, value_key
from espnet3_compiler.syntax.placeholder import has_certain_keys, is_placeholder, placeholder
from espnet3_compiler.syntax.tree import (
    Entry,
    Mapping,
    Node,
    Scalar,
    Sequence,
    map_children,
    walk_scalars,
)
from espnet3_compiler.syntax.unknown_name import unknown_name

MAX_ROWS = 1000
EXCLUDE = "exclude"
_NAME = r"[^\\{}()\[\]:. \t\r\n'\"$]+"
"""What may stand after ``matrix.`` in a reference."""


def read_rows(group: Mapping, found: list[Diagnostic]) -> tuple[Mapping, ...]:
    """Return the rows of a group, each a mapping from name to scalar, its ``id`` the last.

    ``[{round: 1, start: a}, …]`` are rows; ``{round: [1, 2], size: [a, b]}`` gives every
    combination, the last name fastest. The schema cannot see missing rows, too many rows and
    references among the values: they are reported here.

    Args:
        group: The group, with ``matrix`` and perhaps ``exclude``.
        found: Collects findings.
    """
    matrix = group.entry(MATRIX)
    if matrix is None or is_placeholder(matrix.value):
        return ()
    found += _wrong_names(matrix.value)
    node = _without_repeated(matrix.value, found)
    rows = tuple(islice(_raw_rows(node), MAX_ROWS + 1))
    if wrong := _wrong_number(matrix, rows):
        found.append(wrong)
        return ()
    found += [_reference_in_value(scalar) for scalar in dict.fromkeys(_find_references(node))]
    ids = row_ids(rows)
    kept = _kept_rows(group, rows, found)
    return tuple(
        _with_id(row, Scalar(name, matrix.key.span))
        for row, name, keep in zip(rows, ids, kept, strict=True)
        if keep
    )


def _with_id(row: Mapping, name: Scalar) -> Mapping:
    """Return a row with its id, and placeholders where a value has been reported."""
    known = map_children(row, lambda value, _: _value_or_placeholder(value))
    own = known.get(ID)  # reported: what it was meant to give is taken for the id
    if isinstance(own, Scalar) and not is_placeholder(own):
        return known
    entries = tuple(entry for entry in known if entry.name != ID)
    return replace(known, entries=(*entries, Entry(Scalar(ID, name.span), name)))


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


def _wrong_number(matrix: Entry, rows: tuple[Mapping, ...]) -> Diagnostic | None:
    """Return R105 for too many rows, R605 for a row without a name."""
    if len(rows) > MAX_ROWS:
        label = Label(matrix.key.span, "every combination is a row")
        hint = "list the rows that are meant: [{NAME: VALUE, …}, …]"
        message = f"a matrix has more than {MAX_ROWS} rows"
        return Diagnostic("R105", message, label, help=(hint,))
    if isinstance(matrix.value, Mapping | Sequence) and any(not row.entries for row in rows):
        label = Label(matrix.key.span, "expected at least one name in every row")
        hint = "for example matrix: {round: [1, 2, 3]}"
        return Diagnostic("R605", "a row of a matrix gives no name a value", label, help=(hint,))
    return None


def _wrong_names(node: Node) -> Iterator[Diagnostic]:
    """Yield R202 for names that no ``${matrix.NAME}`` could name, each once."""
    blocks = node.items if isinstance(node, Sequence) else (node,)
    keys = [entry.key for block in blocks if isinstance(block, Mapping) for entry in block]
    for name, key in {str(key.value): key for key in reversed(keys)}.items():
        if is_placeholder(key) or (name != ID and re.fullmatch(_NAME, name)):
            continue
        reason = "every row has an id of its own, ${matrix.id}" if name == ID else "no plain name"
        better = f"row_{ID}" if name == ID else re.sub(r"\W+", "_", name).strip("_") or "name"
        yield Diagnostic(
            "R202",
            f'"{name}" cannot be a name of a matrix',
            Label(key.span, reason),
            help=(f'for example "{better}"',),
        )


def _without_repeated(node: Node, found: list[Diagnostic]) -> Node:
    """Return a product without values that a list has twice; those are reported."""
    if not isinstance(node, Mapping):
        return node

    def distinct(values: Node, name: str | int) -> Node:
        if not isinstance(values, Sequence):
            return values
        first: dict[tuple[bool, object], Node] = {}
        for item in values.items:
            known = first.setdefault(value_key(item), item) if _is_value(item) else item
            if known is not item:
                found.append(_repeated_value(str(name), item, known))
        kept = [item for item in values.items if first.get(value_key(item), item) is item]
        return replace(values, items=tuple(kept))

    return map_children(node, distinct)


def _is_value(node: Node) -> bool:
    if not isinstance(node, Scalar) or node.value is None or is_placeholder(node):
        return False
    return not has_reference(node.value)


def _repeated_value(name: str, again: Node, first: Node) -> Diagnostic:
    return Diagnostic(
        "R201",
        f'the matrix gives "{name}" the value {again.span.text} twice',
        Label(again.span, "listed again"),
        related=(Label(first.span, "first listed here"),),
        help=("remove one of the two",),
    )


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


def _kept_rows(
    group: Mapping, rows: tuple[Mapping, ...], found: list[Diagnostic]
) -> tuple[bool, ...]:
    """Return for every row whether it stays; all do where ``exclude`` is wrong.

    Args:
        group: The group.
        rows: The rows of its matrix.
        found: Collects findings.
    """
    every = tuple(True for _ in rows)
    exclude, matrix = group.entry(EXCLUDE), group.get(MATRIX)
    if exclude is None or not rows:
        return every
    if not isinstance(matrix, Mapping):
        found.append(_exclude_of_rows(exclude))
        return every
    kept = every
    for item in _items(exclude.value):
        if not isinstance(item, Mapping) or not has_certain_keys(item):
            continue
        if wrong := list(_wrong_exclusion(item, matrix)):
            found += wrong
            continue
        left = tuple(keep and not _matches(row, item) for row, keep in zip(rows, kept, strict=True))
        found += [_excluded_already(item)] if left == kept else []
        kept = left
    if not any(kept):
        message, label = "exclude leaves no row of the matrix", Label(exclude.key.span, "all of it")
        found.append(Diagnostic("R605", message, label, help=("leave at least one row",)))
    return kept if any(kept) else every


def _matches(row: Mapping, part: Mapping) -> bool:
    return all(value_key(row.get(entry.name)) == value_key(entry.value) for entry in part)


def _wrong_exclusion(item: Mapping, matrix: Mapping) -> Iterator[Diagnostic]:
    """Yield what makes an item match no row: names and values that the matrix does not have."""
    if not item.entries:
        label = Label(item.span, "expected at least one name")
        yield Diagnostic("R605", "an item of exclude gives no name a value", label)
    for entry in item:
        values = matrix.get(entry.name)
        if values is None:
            names = [other.name for other in matrix]
            yield unknown_name("R601", f'the matrix has no name "{entry.name}"', entry.key, names)
        elif _is_value(entry.value) and all(
            value_key(value) != value_key(entry.value) for value in _items(values)
        ):
            yield _unknown_value(entry, _items(values))


def _unknown_value(entry: Entry, values: tuple[Node, ...]) -> Diagnostic:
    """R604: a value that the matrix does not give to the name."""
    assert isinstance(entry.value, Scalar)
    written = Scalar(entry.value.span.text.strip("'\""), entry.value.span)
    texts = [value.span.text for value in values]
    message = f'exclude matches no row: "{entry.name}" of the matrix is never {written.value}'
    finding = replace(unknown_name("R604", message, written, texts), fix=None)
    if not isinstance(entry.value.value, str):
        return replace(finding, help=())
    if written.value in [text.strip("'\"") for text in texts]:
        advice = "write it as it stands in the matrix, with or without quotes"
        return replace(finding, help=(advice,))
    return finding


def _excluded_already(item: Mapping) -> Diagnostic:
    first = item.entries[0].key.span
    return Diagnostic(
        "R604",
        "exclude matches no row that is left",
        Label(first, "other items leave these rows out"),
        help=("remove the item",),
    )


def _exclude_of_rows(exclude: Entry) -> Diagnostic:
    return Diagnostic(
        "R607",
        "exclude goes with lists of values, and the rows of this matrix are listed",
        Label(exclude.key.span, "every row is listed by itself"),
        help=("leave the row out of the list",),
    )
