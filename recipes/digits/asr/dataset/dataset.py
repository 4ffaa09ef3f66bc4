"""Reads the corpus that the builder wrote."""

import csv
from pathlib import Path

import numpy as np
import soundfile


class Dataset:
    """Utterances of one split.

    An item is ``{"utt_id": str, "speech": float32 (samples,) at 16 kHz, "text": str}``.
    """

    def __init__(self, split: str, data_dir: str, limit: int | None = None) -> None:
        """Read the manifest ``<data_dir>/digits/<split>.tsv``; ``limit`` keeps the first items.

        Raises:
            FileNotFoundError: The corpus has not been built.
        """
        self.root = Path(data_dir) / "digits"
        with (self.root / f"{split}.tsv").open(encoding="utf-8", newline="") as file:
            self.rows = list(csv.DictReader(file, delimiter="\t"))[:limit]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict:
        row = self.rows[index]
        speech, _ = soundfile.read(self.root / "wav" / row["wav"], dtype="float32")
        return {
            "utt_id": row["utt_id"],
            "speech": np.ascontiguousarray(speech),
            "text": row["text"],
        }

    def column(self, name: str) -> list[str]:
        """Return ``utt_id``, ``text`` or ``speaker`` of every item without reading audio."""
        return [row[name] for row in self.rows]

    def lengths(self) -> np.ndarray:
        """Return the number of samples of every item, shape (items,), without reading audio."""
        return np.array([int(row["samples"]) for row in self.rows], dtype=np.int64)
