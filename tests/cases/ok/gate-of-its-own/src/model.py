"""A model for a case."""

import torch


class Net(torch.nn.Module):
    def __init__(self, size):
        super().__init__()
        self.out = torch.nn.Linear(size, 1)

    def forward(self, speech, **_):
        loss = self.out(speech).mean()
        return {"loss": loss}
