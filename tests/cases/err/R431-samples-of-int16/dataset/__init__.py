"""The data set of the case."""

import numpy as np
import soundfile


class Dataset:
    def __init__(self, split):
        self.rows = [split]

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        speech, _ = soundfile.read(self.rows[index], dtype="int16")
        return {"speech": np.ascontiguousarray(speech), "text": "a"}
