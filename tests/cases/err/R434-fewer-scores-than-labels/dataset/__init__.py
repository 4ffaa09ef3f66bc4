import json
from pathlib import Path

import numpy as np


class Dataset:
    def __init__(self, split):
        self.rows = json.loads(Path(f"{split}.json").read_text())

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        row = self.rows[index]
        return {"feats": np.zeros((9, 80), np.float32), "word": row["word"]}
