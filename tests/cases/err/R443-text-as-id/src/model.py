"""A model."""

import torch


class Net(torch.nn.Module):
    def __init__(self, size):
        super().__init__()
        self.out = torch.nn.Linear(size, 1)

    def forward(self, speech, **_):
        return self.out(speech).mean()
