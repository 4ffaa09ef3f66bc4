"""A classifier whose loss is called with the argument's name of another library, twice."""

from torch import nn


class Net(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.out = nn.Linear(width, 10)

    def forward(self, speech, **batch):
        scores = self.out(speech)
        if self.training:
            return {"loss": nn.functional.cross_entropy(scores, batch["label"], smoothing=0.1)}
        return {"loss": nn.functional.cross_entropy(scores, batch["label"], smoothing=0.0)}
