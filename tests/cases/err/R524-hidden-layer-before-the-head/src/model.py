import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, tokens, classes, dim=16, hidden=32):
        super().__init__()
        self.embed = nn.Embedding(tokens, dim)
        self.hidden = nn.Linear(dim, hidden)
        self.head = nn.Linear(dim, classes)

    def forward(self, text, **_):
        return self.scores(text).logsumexp(-1).mean()

    def scores(self, text):
        return self.head(torch.relu(self.hidden(self.embed(text).mean(1))))
