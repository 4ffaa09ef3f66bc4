"""A model that gives its loss and more, no features."""

import torch


class Net(torch.nn.Module):
    def __init__(self, stats: str) -> None:
        super().__init__()
        self.stats = stats
        self.head = torch.nn.Linear(8, 1)

    def forward(self, speech):
        loss = self.head(speech).mean()
        return loss, {"loss": loss.detach()}, len(speech)
