"""Items of a split."""


class Dataset:
    def __init__(self, split):
        self.items = [split]

    def __len__(self):
        return len(self.items)

    def __getitem__(self, index):
        return {"speech": self.items[index], "text": ""}
