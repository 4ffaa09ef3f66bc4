"""A small classifier of single words: an ordinary ``nn.Module``."""

import numpy as np
import torch
from torch import nn


class KeywordModel(nn.Module):
    """Convolutions over log mel features, mean over time, a linear layer.

    Args:
        frontend: Maps (speech, speech_lengths) to (features, lengths).
        feats_stats: An ``.npz`` file with count, sum and sum_square of the features.
        num_classes: Number of keywords.
        channels: Width of the convolutions.
    """

    def __init__(
        self, frontend: nn.Module, feats_stats: str, num_classes: int, channels: int = 64
    ) -> None:
        super().__init__()
        self.frontend = frontend
        with np.load(feats_stats) as stats:
            mean = stats["sum"] / stats["count"]
            deviation = (stats["sum_square"] / stats["count"] - mean**2).clip(1e-8) ** 0.5
        self.register_buffer("mean", torch.tensor(mean).float())
        self.register_buffer("deviation", torch.tensor(deviation).float())
        layers: list[nn.Module] = []
        for width in (len(mean), channels, channels):
            layers += [
                nn.Conv1d(width, channels, 5, stride=2, padding=2, bias=False),
                nn.BatchNorm1d(channels),
                nn.ReLU(),
            ]
        self.layers = nn.Sequential(*layers)
        self.head = nn.Linear(channels, num_classes)

    def forward(
        self, speech: torch.Tensor, speech_lengths: torch.Tensor, label: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        """Return loss and accuracy of a batch.

        Args:
            speech: Audio, float32 in [-1, 1] at the frontend's rate, shape (batch, samples).
            speech_lengths: Number of samples of each item, shape (batch,).
            label: Number of the keyword, shape (batch,).
        """
        scores = self.classify(speech, speech_lengths)
        right = (scores.argmax(-1) == label).float().mean()
        return {"loss": nn.functional.cross_entropy(scores, label), "acc": right}

    def classify(self, speech: torch.Tensor, speech_lengths: torch.Tensor) -> torch.Tensor:
        """Return scores, shape (batch, classes); the audio is as in ``forward``."""
        feats, lengths = self.frontend(speech, speech_lengths)
        inside = torch.arange(feats.shape[1], device=feats.device) < lengths[:, None]
        feats = ((feats - self.mean) / self.deviation) * inside[:, :, None]
        hidden = self.layers(feats.transpose(1, 2))
        return self.head(hidden.mean(-1))
