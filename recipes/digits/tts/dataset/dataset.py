"""Reads the corpus that the builder wrote: that of digits/asr, with phones."""

import csv
from pathlib import Path

import numpy as np

from espnet3_runtime.inference.scp import read_scp

from .spoken import Dataset as Recordings


class Dataset(Recordings):
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
        super().__init__(split, data_dir)
        phones = _read(self.root / f"{split}.phones.tsv")
        self.rows = [{**one, **two} for one, two in zip(self.rows, phones, strict=True)]
        if waves:
            spoken = read_scp(Path(waves))
            for row in self.rows:
                row["wav"] = str(Path(spoken[row["utt_id"]]).absolute())

    def __getitem__(self, index: int) -> dict:
        row = self.rows[index]
        durations = np.array(row["durations"].split(), dtype=np.int64)
        return {**super().__getitem__(index), "phones": row["phones"], "durations": durations}


def _read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
