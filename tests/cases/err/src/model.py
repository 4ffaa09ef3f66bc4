"""A model and what goes with it."""

import torch


class Net(torch.nn.Module):
    """A linear layer between two sizes."""

    def __init__(self, size: int, depth: int = 1, feats_stats: str | None = None) -> None:
        super().__init__()
        self.layers = torch.nn.ModuleList(torch.nn.Linear(size, size) for _ in range(depth))
        self.feats_stats = feats_stats

    def forward(self, **batch):
        loss = self.layers[0](batch["speech"]).mean()
        return {"loss": loss, "acc": -loss}


class Features(torch.nn.Module):
    """Numbers of a signal."""

    def __init__(self, bins: int = 80) -> None:
        super().__init__()
        self.bins = bins


class Decoder:
    """From frames to texts."""

    def __init__(self, tokens: str, model: str) -> None:
        self.tokens = tokens
        self.model = model


LIMIT = 8
