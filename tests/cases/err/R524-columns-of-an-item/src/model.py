from torch import nn


class Net(nn.Module):
    def __init__(self, in_features):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(in_features, 8), nn.ReLU(), nn.Linear(8, 1))

    def forward(self, columns, columns_lengths, price):
        return (self.layers(columns)[:, 0] - price).square().mean()
