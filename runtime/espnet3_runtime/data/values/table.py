"""Tables as lists of rows."""

import csv
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from espnet3_runtime.errors import UserError

Row = dict[str, Any]


def as_table(value: Any, columns: Sequence[str]) -> list[Row]:
    """Return the rows of a table, each by column.

    Args:
        value: A list of mappings, or of lists in the order of the columns; a mapping from column
            to list; a frame of pandas; or the path of a CSV file with a head, whose numbers are
            read as numbers.
        columns: The columns that every row has, in order; empty takes any.

    Raises:
        TypeError: It is no table.
        ValueError: It lacks a column.
        UserError: There is no such file.
    """
    rows = _read_rows(value, columns)
    for number, row in enumerate(rows):
        missing = [name for name in columns if name not in row]
        if missing:
            raise ValueError(
                f'row {number} has no "{missing[0]}"; it has {", ".join(map(str, row))}'
            )
    return [{name: row[name] for name in columns} for row in rows] if columns else rows


def _read_rows(value: Any, columns: Sequence[str]) -> list[Row]:
    if isinstance(value, str | PathLike):
        return _read_file(Path(value))
    if hasattr(value, "to_dict"):
        return [dict(row) for row in value.to_dict("records")]
    if isinstance(value, Mapping):
        lists = list(value.values())
        if not all(isinstance(one, list | tuple) for one in lists) or len(set(map(len, lists))) > 1:
            raise ValueError("a mapping from column to list has lists of one length")
        return [dict(zip(value, row, strict=True)) for row in zip(*lists, strict=True)]
    if not isinstance(value, list | tuple):
        raise TypeError(f"expected a list of rows, found {type(value).__name__}")
    return [_read_row(row, columns) for row in value]


def _read_row(row: Any, columns: Sequence[str]) -> Row:
    if isinstance(row, Mapping):
        return dict(row)
    if isinstance(row, list | tuple) and columns:
        if len(row) != len(columns):
            raise ValueError(f"a row has {len(row)} values, and there are {len(columns)} columns")
        return dict(zip(columns, row, strict=True))
    raise TypeError(f"a row is a mapping from column to value, found {type(row).__name__}")


def _read_file(path: Path) -> list[Row]:
    if not path.is_file():
        raise UserError(f'there is no table "{path}"')
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file, strict=True))
    except (csv.Error, UnicodeDecodeError) as error:
        raise UserError(f'"{path}" cannot be read as a CSV file: {error}') from error
    return [{name: _as_number(cell) for name, cell in row.items()} for row in rows]


def _as_number(cell: Any) -> Any:
    for kind in (int, float):
        try:
            return kind(cell)
        except (TypeError, ValueError):
            continue
    return cell
