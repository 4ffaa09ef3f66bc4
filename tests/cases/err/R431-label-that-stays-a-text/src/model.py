"""A model, and what makes numbers of its data."""

import numpy as np
import torch


class Encode:
    def __call__(self, sample):
        letters = np.array([ord(letter) for letter in sample["line"]])
        return {**sample, "letters": letters, "label": sample["language"]}


class Net(torch.nn.Module):
    def __init__(self, size):
        super().__init__()
        self.out = torch.nn.Linear(1, size)

    def forward(self, letters, label, **_):
        scores = self.out(letters[:, :1].float())
        return torch.nn.functional.cross_entropy(scores, label)
