"""The data set of the case."""

import soundfile


class Dataset:
    def __init__(self, split):
        self.rows = [split]

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        _, speech = soundfile.read(self.rows[index], dtype="float32")
        return {"speech": speech, "text": "a"}
