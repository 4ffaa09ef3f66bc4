"""A metric as torchmetrics has them."""


class Errors:
    def __init__(self):
        self.wrong = 0

    def update(self, ref, hyp):
        self.wrong += sum(one != other for one, other in zip(ref, hyp, strict=True))

    def compute(self):
        return self.wrong
