from torch import nn


class Net(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.out = nn.Linear(1, size)

    def forward(self, speech, text, **lengths):
        return {"loss": self.out(speech[..., None]).mean() * text.sum()}
