"""Sheets: many small inputs with what must come of each, in one text file.

A block is ``== NAME``, the input, ``--`` and what is expected. ``UPDATE_CASES=1`` writes what came
anew: read the difference before committing it.
"""

import os
from dataclasses import dataclass, replace
from pathlib import Path


@dataclass(frozen=True)
class Row:
    """A block of a sheet: its file, name, input and what is expected."""

    file: Path
    name: str
    text: str
    expected: str

    def check(self, came: str) -> None:
        """Compare what came with what is expected, or write it."""
        came = came.rstrip("\n") + "\n"
        if os.environ.get("UPDATE_CASES") == "1":
            rows = [
                row if row.name != self.name else replace(self, expected=came)
                for row in _read(self.file)
            ]
            blocks = [f"== {row.name}\n{row.text}--\n{row.expected}" for row in rows]
            self.file.write_text("".join(blocks), encoding="utf-8")
        else:
            assert came == self.expected


def sheet(file: Path) -> list[Row]:
    """Return the blocks of a sheet."""
    rows = _read(file)
    assert rows
    assert len({row.name for row in rows}) == len(rows), "a name is there twice"
    return rows


def row_name(row: Row) -> str:
    """Return the name of a test."""
    return row.name


def _read(file: Path) -> list[Row]:
    rows = []
    for block in ("\n" + file.read_text(encoding="utf-8")).split("\n== ")[1:]:
        name, _, rest = block.partition("\n")
        text, _, expected = f"{rest}\n".partition("\n--\n")
        rows.append(Row(file, name, f"{text}\n", expected.rstrip("\n") + "\n"))
    return rows
