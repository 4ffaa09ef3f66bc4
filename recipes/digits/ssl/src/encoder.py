"""The encoder that is trained without transcripts first, and with a few of them then."""

import numpy as np
import torch
from torch import nn

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
        self.subsampling = nn.Sequential(
            nn.Conv2d(1, channels, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
        )
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
            hidden = norm(_recur(layer, self.dropout(hidden), lengths, padded=self.training))
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
        with np.load(feats_stats) as stats:
            mean = stats["sum"] / stats["count"]
            variance = np.maximum(stats["sum_square"] / stats["count"] - mean**2, 1e-8)
        self.register_buffer("mean", torch.tensor(mean).float())
        self.register_buffer("scale", torch.tensor(variance**-0.5).float())

    def forward(
        self, speech: torch.Tensor, speech_lengths: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return features, shape (batch, frames, bands), and their lengths, shape (batch,)."""
        feats, lengths = self.frontend(speech, speech_lengths)
        feats = zero_padding((feats - self.mean) * self.scale, lengths)
        # What is constant over an utterance is the voice and the channel, not the words.
        feats = feats - feats.sum(1, keepdim=True) / lengths[:, None, None]
        return zero_padding(feats, lengths), lengths


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


def count_frames(lengths: torch.Tensor) -> torch.Tensor:
    """Return how many frames of the encoder so many frames of the features are."""
    return ((lengths + 1) // 2 + 1) // 2


def zero_padding(feats: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    """Set everything after the end of each item to 0; ``feats`` is (batch, frames, bands)."""
    position = torch.arange(feats.shape[1], device=feats.device)
    return feats.masked_fill((position >= lengths[:, None])[:, :, None], 0.0)


def _recur(
    layer: nn.LSTM, hidden: torch.Tensor, lengths: torch.Tensor, *, padded: bool
) -> torch.Tensor:
    if padded:  # padded batches train faster and as well
        return layer(hidden)[0]
    # Packed, an utterance gives the same whatever it shares a batch with.
    packed = nn.utils.rnn.pack_padded_sequence(
        hidden, lengths.cpu(), batch_first=True, enforce_sorted=False
    )
    return nn.utils.rnn.pad_packed_sequence(layer(packed)[0], batch_first=True)[0]
