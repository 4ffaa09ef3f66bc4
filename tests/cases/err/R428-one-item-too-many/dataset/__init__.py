"""The data set of the case."""


class Dataset:
    def __init__(self, split):
        self.rows = [split]

    def __len__(self):
        return len(self.rows) + 1

    def __getitem__(self, index):
        return {"speech": self.rows[index], "text": "a"}
