"""The data set of the case."""

import numpy as np


class Dataset:
    def __init__(self, split):
        self.rows = [split]

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        speech = np.zeros(16000, dtype=np.float32)
        return {"utt_id": self.rows[index], "speech": speech, "text": self.rows[index]}
