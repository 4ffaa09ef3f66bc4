"""A model for a case."""

import torch
from torch.nn import functional as F


class Net(torch.nn.Module):
    def __init__(self, size):
        super().__init__()
        self.out = torch.nn.Linear(size, 1)

    def forward(self, speech, speech_lengths, **_):
        loss = loss_of_items(self.out(speech), speech_lengths)
        return loss, {"loss": loss.detach()}, len(speech)


def loss_of_items(scores, lengths):
    """Return the loss of each item."""
    loss = F.mse_loss(scores, torch.zeros_like(scores), reduction="none")
    return loss.sum(1) / lengths[:, None]
