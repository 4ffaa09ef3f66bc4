"""The data set of the case."""

WORDS = ["no", "yes"]


class Dataset:
    def __init__(self, split):
        self.rows = [(split, "no")]

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        speech, word = self.rows[index]
        return {"speech": speech, "label": WORDS.index(word)}
