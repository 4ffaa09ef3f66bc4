"""A model."""

import numpy as np
import torch


class Features(torch.nn.Module):
    def forward(self, speech, speech_lengths):
        return speech[..., None], speech_lengths


class Net(torch.nn.Module):
    def __init__(self, size, stats):
        super().__init__()
        self.scale = read_scale(stats)
        self.out = torch.nn.Linear(size, 1)

    def forward(self, speech, **_):
        return self.out(speech * self.scale).mean()


def read_scale(path):
    with np.load(path) as stats:
        return (stats["sum_sq"] / stats["count"]) ** -0.5
