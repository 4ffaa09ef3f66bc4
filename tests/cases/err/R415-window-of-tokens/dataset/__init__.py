"""The data set of the case."""

import csv

import numpy as np
import soundfile


class Dataset:
    def __init__(self, split):
        with open(split) as file:
            self.rows = list(csv.DictReader(file))

    def __len__(self):
        return len(self.rows)

    def lengths(self):
        return np.array([int(row["samples"]) for row in self.rows])

    def __getitem__(self, index):
        row = self.rows[index]
        speech, _ = soundfile.read(row["wav"], dtype="float32")
        durations = np.array(row["durations"].split(), dtype=np.int64)
        return {"utt_id": row["utt_id"], "speech": speech, "durations": durations}
