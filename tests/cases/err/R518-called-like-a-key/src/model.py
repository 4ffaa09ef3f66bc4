"""A model that reads its loss under the name of the field that it returns."""

from torch import nn


class Net(nn.Module):
    def __init__(self, width: int, loss: nn.Module | None = None) -> None:
        super().__init__()
        self.head = nn.Linear(width, 1)
        self.criterion = loss or nn.MSELoss()

    def forward(self, speech, target):
        return {"loss": self.loss(self.head(speech), target)}
