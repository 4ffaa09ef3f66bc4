from torch.utils.data import IterableDataset


class Dataset(IterableDataset):
    def __init__(self, split):
        self.split = split

    def __iter__(self):
        yield {"speech": [0.0], "text": "a"}
