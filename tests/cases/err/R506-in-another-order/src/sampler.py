"""An order of items, whose constructor takes the data last."""

import random


class Shuffled:
    def __init__(self, seed, data):
        self.random, self.count = random.Random(seed), len(data)

    def __len__(self):
        return self.count

    def __iter__(self):
        return iter(self.random.sample(range(self.count), self.count))
