"""A model whose features come without their lengths."""

from torch import nn


class Frames(nn.Module):
    def forward(self, speech, speech_lengths):
        frames = speech.unfold(1, 400, 160)
        frames = frames.square().mean(-1)
        return frames - frames.mean(1, keepdim=True)


class Net(nn.Module):
    def __init__(self, frames, stats):
        super().__init__()
        self.frames, self.stats = frames, stats

    def forward(self, speech, speech_lengths):
        feats, lengths = self.frames(speech, speech_lengths)
        return feats.sum() / lengths.sum()
