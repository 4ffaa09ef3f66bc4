"""The rows of a matrix: given one by one, or as every combination of lists."""

from collections.abc import Iterable
from itertools import islice, product

from espnet3_compiler.diagnostic import Diagnostic, Label
from espnet3_compiler.expression import has_reference
from espnet3_compiler.read_steps import is_stand_in
from espnet3_compiler.tree import Entry, Mapping, Node, Scalar, Sequence

MAX_ROWS = 1000

Rows = tuple[Mapping, ...]


def rows_of(matrix: Entry | None, found: list[Diagnostic]) -> Rows:
    """Return the rows of a matrix, each a mapping from name to scalar.

    Args:
        matrix: The entry of the group. ``[{round: 1, start: a}, …]`` are rows as they stand;
            ``{round: [1, 2], size: [a, b]}`` gives every combination, the last name fastest.
        found: Takes what the schema cannot see: no rows, too many, references among the values.
    """
    if matrix is None or is_stand_in(matrix.value):
        return ()
    node = matrix.value
    rows = tuple(islice(_rows(node), MAX_ROWS + 1))
    if len(rows) > MAX_ROWS:
        found.append(_too_many(matrix))
        return ()
    if isinstance(node, Mapping | Sequence) and any(not row.entries for row in rows):
        found.append(_nameless(matrix))
        return ()
    found += [_reference(place) for place in dict.fromkeys(_references(node))]
    return tuple(map(_checked, rows))


def _rows(node: Node) -> Iterable[Mapping]:
    if isinstance(node, Sequence):
        return tuple(item for item in node.items if isinstance(item, Mapping))
    if not isinstance(node, Mapping):
        return ()
    choices = [
        [Entry(entry.key, item) for item in _items(entry.value) if isinstance(item, Scalar)]
        for entry in node
    ]
    return (Mapping(row, node.span, node.via) for row in product(*choices))


def _items(node: Node) -> tuple[Node, ...]:
    return node.items if isinstance(node, Sequence) else ()


def _references(node: Node) -> list[Scalar]:
    if isinstance(node, Scalar):
        return [node] if has_reference(node.value) and not is_stand_in(node) else []
    below = node.items if isinstance(node, Sequence) else [entry.value for entry in node]
    return [scalar for item in below for scalar in _references(item)]


def _checked(row: Mapping) -> Mapping:
    """Return a row in which a value that was reported is a stand-in."""
    entries = (Entry(entry.key, _value(entry.value)) for entry in row)
    return Mapping(tuple(entries), row.span, row.via)


def _value(node: Node) -> Node:
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


def _nameless(matrix: Entry) -> Diagnostic:
    return Diagnostic(
        "R605",
        "a row of a matrix gives no name a value",
        Label(matrix.key.span, "expected at least one name in every row"),
        help=("for example matrix: {round: [1, 2, 3]}",),
    )


def _reference(place: Scalar) -> Diagnostic:
    return Diagnostic(
        "R606",
        f'a value of a matrix cannot hold a reference: "{place.value}"',
        Label(place.span, "must be a plain text or number"),
        help=("write the reference where the value is used; the matrix can choose what it names",),
    )
