"""The data set of the case."""


class Dataset:
    def __init__(self, split):
        self.rows = [(split, "no")]

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        speech, word = self.rows[index]
        return {"input_values": speech, "label": word}
