"""The encoder that is trained without transcripts first, and with a few of them then."""

import torch
from torch import nn

from .ctc import count_frames, load_stats, make_subsampling, normalise_features, run_lstm

FRAME = 4
"""Frames of the features in one of the encoder's: 40 ms."""


class Encoder(nn.Module):
    """Two strided convolutions over log mel features, then bidirectional LSTM layers.

    Args:
        frontend: Maps (speech, speech_lengths) to (features, lengths).
        feats_stats: An ``.npz`` file with count, sum and sum_square of the features.
        hidden_size: Units of each LSTM layer in each direction.
        num_layers: LSTM layers.
        channels: Channels of the convolutions.
        dropout: Dropout before each layer.
    """

    def __init__(
        self,
        frontend: nn.Module,
        feats_stats: str,
        hidden_size: int = 128,
        num_layers: int = 2,
        channels: int = 16,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.features = NormalisedFeatures(frontend, feats_stats)
        self.subsampling = make_subsampling(channels)
        self.width = 2 * hidden_size
        bands = -(-len(self.features.mean) // FRAME)
        self.project = nn.Linear(channels * bands, self.width)
        self.layers = nn.ModuleList(
            nn.LSTM(self.width, hidden_size, batch_first=True, bidirectional=True)
            for _ in range(num_layers)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(self.width) for _ in range(num_layers))
        self.dropout = nn.Dropout(dropout)

    def subsample(
        self, speech: torch.Tensor, speech_lengths: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return what the layers read, shape (batch, frames, width), and lengths (batch,)."""
        feats, lengths = self.features(speech, speech_lengths)
        hidden = self.subsampling(feats[:, None])
        hidden = self.project(hidden.transpose(1, 2).flatten(2))
        return hidden, count_frames(lengths)

    def run_layers(self, hidden: torch.Tensor, lengths: torch.Tensor) -> list[torch.Tensor]:
        """Return the output of each layer, each of the shape of ``hidden``."""
        outputs = []
        for layer, norm in zip(self.layers, self.norms, strict=True):
            hidden = norm(run_lstm(layer, self.dropout(hidden), lengths, padded=self.training))
            outputs.append(hidden)
        return outputs


class NormalisedFeatures(nn.Module):
    """Log mel features with the mean and deviation of the corpus, and no mean of their own.

    Args:
        frontend: Maps (speech, speech_lengths) to (features, lengths).
        feats_stats: An ``.npz`` file with count, sum and sum_square of the features.
    """

    def __init__(self, frontend: nn.Module, feats_stats: str) -> None:
        super().__init__()
        self.frontend = frontend
        mean, scale = load_stats(feats_stats)
        self.register_buffer("mean", mean)
        self.register_buffer("scale", scale)

    def forward(
        self, speech: torch.Tensor, speech_lengths: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return features, shape (batch, frames, bands), and their lengths, shape (batch,)."""
        feats, lengths = self.frontend(speech, speech_lengths)
        return normalise_features(feats, lengths, self.mean, self.scale), lengths


class StackedFeatures(NormalisedFeatures):
    """The same, as many of them side by side as one frame of the encoder spans.

    So the first labels, which are clusters of these, are those of the encoder's frames.
    """

    def forward(
        self, speech: torch.Tensor, speech_lengths: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return features, shape (batch, frames, FRAME * bands), and their lengths (batch,)."""
        feats, lengths = super().forward(speech, speech_lengths)
        feats = nn.functional.pad(feats, (0, 0, 0, -feats.shape[1] % FRAME))
        return feats.reshape(len(feats), -1, FRAME * feats.shape[2]), count_frames(lengths)
