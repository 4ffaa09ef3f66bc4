from torch import nn


class Bells(nn.Module):
    def __init__(self, size: int, words: list | None = None) -> None:
        super().__init__()
        self.layer, self.head = nn.Linear(size, size), nn.Linear(size, size)

    def forward(self, **batch):
        return self.head(self.layer(batch["speech"])).mean()


class Toll(nn.Module):
    def __init__(self, size: int, words: list | None = None) -> None:
        super().__init__()
        self.layer = nn.Linear(size, size)

    def forward(self, **batch):
        return self.layer(batch["speech"]).mean()


class Ringing(Bells):
    pass


def decode(model, **batch):
    return [{"tone": "ding"} for _ in batch["speech"]]


class Change:
    def __call__(self, sample):
        return sample
