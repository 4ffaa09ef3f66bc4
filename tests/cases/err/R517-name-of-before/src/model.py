"""A model of the case."""

from torch import nn


class Net(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.blank = size - 1
        self.out = nn.Linear(1, size)

    def forward(self, speech, speech_lengths):
        return self.out(speech).mean()

    def encode(self, speech):
        scores = self.out(speech)
        return scores, scores.argmax(-1)
