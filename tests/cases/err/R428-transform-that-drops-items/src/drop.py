"""A transform that would leave items out."""


class DropLong:
    def __init__(self, limit):
        self.limit = limit

    def __call__(self, sample):
        if len(sample["text"]) > self.limit:
            return None
        return sample
