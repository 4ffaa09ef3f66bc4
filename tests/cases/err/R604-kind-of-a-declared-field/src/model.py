import torch


class Net(torch.nn.Module):
    def __init__(self, size: int) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(size, size)

    def forward(self, speech, text):
        return self.layer(speech).mean() + text.mean()
