"""A model that hides frames behind a tensor that nobody trains."""

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.hidden = 0.1 * torch.randn(size)
        self.layer = nn.Linear(size, size)

    def forward(self, speech, **_):
        return self.layer(torch.where(speech > 1, self.hidden, speech)).mean()
