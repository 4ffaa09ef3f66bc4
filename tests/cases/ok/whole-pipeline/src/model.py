"""A model that normalises by global statistics."""

from pathlib import Path

import torch


class Features(torch.nn.Module):
    """Numbers of a signal."""

    def __init__(self, bins: int = 80) -> None:
        super().__init__()
        self.bins = bins


class Net(torch.nn.Module):
    """A linear layer over normalised features."""

    def __init__(self, size: int, features: Features, feats_stats: Path | None = None) -> None:
        super().__init__()
        self.features = features
        self.output = torch.nn.Linear(features.bins, size)
        self.feats_stats = feats_stats

    def forward(self, **batch):
        return self.output(batch["speech"]).mean()
