import itertools


class Dataset:
    def __init__(self, split):
        self.split = split

    def __iter__(self):
        for number in itertools.count():
            yield {"speech": [0.0], "text": str(number)}
