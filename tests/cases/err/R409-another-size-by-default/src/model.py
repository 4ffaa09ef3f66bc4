"""A model in two sizes."""

from torch import nn


class Net(nn.Module):
    def __init__(self, size, layers=2):
        super().__init__()
        self.rnn = nn.GRU(1, size, layers, batch_first=True)

    def forward(self, speech, **_):
        return self.rnn(speech)[0].mean()
