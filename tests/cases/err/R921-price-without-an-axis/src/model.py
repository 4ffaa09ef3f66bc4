from torch import nn


class Net(nn.Module):
    def __init__(self, size, tokens=30):
        super().__init__()
        self.head = nn.Linear(size, 1)

    def forward(self, feats, text):
        guess = self.head(feats)
        return nn.functional.mse_loss(guess, text)
