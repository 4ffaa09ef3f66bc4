"""A model that keeps a list of the recipe as it is."""

from torch import nn


class Net(nn.Module):
    def __init__(self, width: int, class_weights: list[float]) -> None:
        super().__init__()
        self.head = nn.Linear(width, 2)
        self.class_weights = class_weights

    def forward(self, speech, label):
        scores = self.head(speech)
        return nn.functional.cross_entropy(scores, label, weight=self.class_weights)
