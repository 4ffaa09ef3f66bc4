"""A model of mel features, which another part of it makes."""

import torch


class LogMel(torch.nn.Module):
    def __init__(self, rate: int, mels: int = 80, dither: float = 0.0) -> None:
        super().__init__()
        self.mels = torch.nn.Linear(rate // 40, mels)
        self.dither = dither

    def forward(self, speech, speech_lengths):
        return self.mels(speech + self.dither), speech_lengths


class Net(torch.nn.Module):
    def __init__(self, frontend: torch.nn.Module, feats_stats: str) -> None:
        super().__init__()
        self.frontend = frontend
        self.feats_stats = feats_stats

    def forward(self, speech, speech_lengths, **_):
        feats, _ = self.frontend(speech, speech_lengths)
        return feats.mean()
