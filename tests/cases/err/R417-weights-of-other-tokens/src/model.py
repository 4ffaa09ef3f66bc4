"""A model with a head for so many tokens."""

import torch


class Counting(torch.nn.Module):
    def __init__(self, vocab_size):
        super().__init__()
        self.head = torch.nn.Linear(8, vocab_size)

    def forward(self, speech, **_):
        return self.head(speech).mean()
