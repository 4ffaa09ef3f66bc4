"""A model that learns labels of frames."""

from torch import nn


class Features(nn.Module):
    """Frames of a signal, as they are."""

    def __init__(self, step: int = 160) -> None:
        super().__init__()
        self.step = step

    def forward(self, speech, speech_lengths):
        return speech.unfold(1, self.step, self.step), speech_lengths // self.step


class Labels(nn.Module):
    """Scores of each label."""

    def __init__(self, features: Features, num_clusters: int) -> None:
        super().__init__()
        self.features = features
        self.head = nn.Linear(features.step, num_clusters)

    def forward(self, speech, speech_lengths, labels, **_):
        scores = self.head(self.features(speech, speech_lengths)[0])
        return nn.functional.cross_entropy(scores.transpose(1, 2), labels)
