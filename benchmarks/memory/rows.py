"""A data set whose manifest is a ``Table``: the file is mapped, and rows are read on demand."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from espnet3_runtime.data.table import Table


def sample(row: dict[str, str]) -> dict[str, Any]:
    """Return an item with a short signal, so that the manifest is what is measured."""
    return {"utt_id": row["utt_id"], "speech": np.zeros(int(row["frames"]), np.float32)}


class Dataset:
    """Items of a table with the columns utt_id, path, frames and text."""

    def __init__(self, path: str) -> None:
        self.path = Path(path)
        self.table = Table(path)

    def __len__(self) -> int:
        return len(self.table)

    def __getitem__(self, index: int) -> dict[str, Any]:
        """Return an item."""
        return sample(self.table[index])

    def lengths(self) -> NDArray[np.int64]:
        """Return the frames of all items, for batches of like length."""
        return np.fromiter(map(int, self.table.column("frames")), np.int64, len(self))
