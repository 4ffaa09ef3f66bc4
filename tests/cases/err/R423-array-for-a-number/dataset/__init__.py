"""The data set of the case."""

import numpy as np


class Dataset:
    def __init__(self, split):
        self.prices = [float(len(split))]

    def __len__(self):
        return len(self.prices)

    def __getitem__(self, index):
        price = self.prices[index]
        target = np.array([price], np.float32)
        return {"speech": np.zeros(9, dtype=np.float32), "target": target, "price": f"{price:.3f}"}
