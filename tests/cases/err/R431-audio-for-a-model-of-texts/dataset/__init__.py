"""The data set of the case."""

import csv
from pathlib import Path

import numpy as np


class Dataset:
    def __init__(self, split, data_dir, *, speech=True):
        self.root = Path(data_dir)
        self.speech = speech
        with (self.root / f"{split}.tsv").open() as file:
            self.rows = list(csv.DictReader(file, delimiter="\t"))

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        row = self.rows[index]
        audio = {"speech": np.zeros(int(row["samples"]), dtype=np.float32)} if self.speech else {}
        tokens = np.array(row["tokens"].split(), dtype=np.int64)
        return {"utt_id": row["utt_id"], "tokens": tokens, **audio}
