from torch import nn


class Whistles(nn.Module):
    def __init__(self, size: int, depth: int = 1, words: list | None = None) -> None:
        super().__init__()
        self.layer = nn.Linear(size, size)

    def forward(self, **batch):
        return self.layer(batch["speech"]).mean()


class Steps:
    def __init__(self, *, train: bool = False, **keys: object) -> None:
        self.train = train

    def __call__(self, sample: dict) -> dict:
        return sample


def load(model, checkpoint, device):
    return model
