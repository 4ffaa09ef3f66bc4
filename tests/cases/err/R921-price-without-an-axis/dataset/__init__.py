"""Features and texts."""

import numpy as np


class DatasetBuilder:
    """Prepares nothing."""

    def is_source_prepared(self): return True

    def prepare_source(self): pass

    def is_built(self): return True

    def build(self): pass


class Dataset:
    """Items of the corpus."""

    def __init__(self, split, data_dir=None, recipe_dir=None):
        self.path = f"{split}.npy"

    def __len__(self):
        return 3

    def __getitem__(self, index):
        rows = np.load(self.path)
        return {"feats": np.zeros(16, np.float32), "text": float(rows[index, 0])}
