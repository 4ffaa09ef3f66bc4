"""The data set of the case."""

import numpy as np


class Dataset:
    def __init__(self, split):
        self.rows = [split]

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        return {"speech": np.zeros((99, 8), dtype=np.float32), "text": self.rows[index]}
