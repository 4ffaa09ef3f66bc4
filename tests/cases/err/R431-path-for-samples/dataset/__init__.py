"""The data set of the case."""

import csv
from pathlib import Path


class Dataset:
    def __init__(self, split, data_dir):
        self.root = Path(data_dir)
        with (self.root / f"{split}.tsv").open() as file:
            self.rows = list(csv.DictReader(file, delimiter="\t"))

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        row = self.rows[index]
        path = str(self.root / row["wav"])
        return {"utt_id": row["utt_id"], "speech": path, "text": row["text"]}
