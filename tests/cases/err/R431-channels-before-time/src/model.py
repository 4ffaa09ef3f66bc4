import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.head = nn.Linear(40, classes)

    def forward(self, speech, speech_lengths):
        frames = speech.unfold(1, 40, 40)
        inside = torch.arange(frames.shape[1]) < speech_lengths[:, None] // 40
        return (self.head(frames) * inside[..., None]).mean()
