import csv
from pathlib import Path

import numpy as np

COLUMNS = ("rooms", "area", "age", "floor")


class Dataset:
    def __init__(self, split):
        with Path(f"{split}.csv").open() as file:
            self.rows = list(csv.DictReader(file))

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        row = self.rows[index]
        columns = np.array([float(row[name]) for name in COLUMNS], dtype=np.float32)
        return {"columns": columns, "price": float(row["price"])}
