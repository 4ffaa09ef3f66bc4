"""The same data set with its manifest as a list of dicts, as is usually written."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.memory.rows import sample


class Dataset:
    """Items of a table that is read whole."""

    def __init__(self, path: str) -> None:
        with Path(path).open(encoding="utf-8") as file:
            columns = next(file).rstrip("\n").split("\t")
            self.rows = [
                dict(zip(columns, line.rstrip("\n").split("\t"), strict=True)) for line in file
            ]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        """Return an item."""
        return sample(self.rows[index])

    def lengths(self) -> NDArray[np.int64]:
        """Return the frames of all items, for batches of like length."""
        return np.array([int(row["frames"]) for row in self.rows])
