"""A model, and its front end, which works on batches."""

import torch


class Frames(torch.nn.Module):
    def forward(self, speech, speech_lengths):
        return speech, speech_lengths


class Net(torch.nn.Module):
    def __init__(self, size):
        super().__init__()
        self.out = torch.nn.Linear(size, 1)

    def forward(self, speech, **_):
        return self.out(speech).mean()
