"""The data set of the case, and what makes it."""


class Dataset:
    def __init__(self, split):
        self.rows = [split]

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        return {"speech": self.rows[index], "text": "a"}


class DatasetBuilder:
    def is_source_prepared(self, **_):
        return True

    def prepare_source(self, **_):
        pass

    def is_built(self, *, sizes, **_):
        return not sizes

    def build(self, *, sizes, **_):
        print(sizes)
