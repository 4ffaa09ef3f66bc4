"""Reads tab-separated manifests of any size row by row, in little memory."""

import mmap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from espnet3_runtime.errors import UserError


class Table:
    """Rows of a tab-separated file, as dicts from column to text.

    Only the offsets of the lines are kept, eight bytes each; the file itself is mapped, so worker
    processes share it.  A field holds no tab and no line break.

    Args:
        path: The file; its first line names the columns.

    Raises:
        FileNotFoundError: There is no such file.
        UserError: The file is empty.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        with self.path.open("rb") as file:
            if not file.seek(0, 2):
                raise UserError(f'the table "{self.path}" is empty, without even a header')
            self._text = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        breaks = _line_breaks(self._text)
        ends = breaks if self._text[-1:] == b"\n" else np.append(breaks, len(self._text))
        self._starts = np.concatenate([[0], ends[:-1] + 1])
        self._ends = ends
        self.columns = self._line(0)

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, index: int) -> dict[str, str]:
        """Return one row.

        Raises:
            UserError: It has more or fewer fields than there are columns.
        """
        if not 0 <= index < len(self):
            raise IndexError(index)
        fields = self._line(index + 1)
        if len(fields) != len(self.columns):
            raise UserError(
                f'"{self.path}", line {index + 2}: {len(fields)} fields, '
                f"and there are {len(self.columns)} columns"
            )
        return dict(zip(self.columns, fields, strict=True))

    def column(self, name: str) -> Iterator[str]:
        """Yield one column of every row.

        Raises:
            UserError: There is no such column.
        """
        if name not in self.columns:
            columns = ", ".join(self.columns)
            raise UserError(f'"{self.path}" has no column "{name}" (columns: {columns})')
        for index in range(len(self)):
            yield self[index][name]

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the path only, for worker processes."""
        return Table, (self.path,)

    def _line(self, number: int) -> list[str]:
        line = self._text[self._starts[number] : self._ends[number]]
        try:
            return line.decode("utf-8").rstrip("\r").split("\t")
        except UnicodeDecodeError:
            raise UserError(f'"{self.path}", line {number + 1}: it is not UTF-8') from None


_BLOCK = 1 << 24


def _line_breaks(text: mmap.mmap) -> np.ndarray[Any, np.dtype[np.int64]]:
    found = []
    for start in range(0, len(text), _BLOCK):
        block = np.frombuffer(text[start : start + _BLOCK], dtype=np.uint8)
        found.append(np.flatnonzero(block == ord("\n")) + start)
    return np.concatenate(found)
