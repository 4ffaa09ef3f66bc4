"""Reads the corpus that the builder wrote."""

import csv
from pathlib import Path

import numpy as np
import soundfile

from espnet3_runtime.inference.scp import read_scp


class Dataset:
    """Utterances of one split.

    An item is ``{"utt_id": str, "text": str, "phones": str, "durations": int64 (phones,) in
    samples, "speech": float32 (samples,) at 16 kHz}``.
    """

    def __init__(self, split: str, data_dir: str, waves: str | None = None) -> None:
        """Read the manifests of a split.

        Args:
            split: train, valid or test.
            data_dir: Where the builder wrote.
            waves: An SCP file with other recordings of the same texts, for example those that a
                model spoke; None takes those of the corpus.

        Raises:
            FileNotFoundError: The corpus has not been built.
        """
        self.root = Path(data_dir) / "digits"
        tables = [_read(self.root / name) for name in (f"{split}.tsv", f"{split}.phones.tsv")]
        self.rows = [{**one, **two} for one, two in zip(*tables, strict=True)]
        found = read_scp(Path(waves)) if waves else {}
        self.waves = [
            Path(found[row["utt_id"]]) if waves else self.root / "wav" / row["wav"]
            for row in self.rows
        ]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict:
        row = self.rows[index]
        speech, _ = soundfile.read(self.waves[index], dtype="float32")
        return {
            "utt_id": row["utt_id"],
            "text": row["text"],
            "phones": row["phones"],
            "durations": np.array(row["durations"].split(), dtype=np.int64),
            "speech": np.ascontiguousarray(speech),
        }

    def column(self, name: str) -> list[str]:
        """Return a text of every item without reading audio."""
        return [row[name] for row in self.rows]

    def lengths(self) -> np.ndarray:
        """Return the number of samples of every item, shape (items,), without reading audio."""
        return np.array([int(row["samples"]) for row in self.rows], dtype=np.int64)


def _read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
