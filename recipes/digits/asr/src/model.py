"""A small CTC recogniser: an ordinary ``nn.Module``."""

import numpy as np
import torch
from torch import nn


class CTCModel(nn.Module):
    """Convolutions (four times fewer frames), bidirectional LSTM, CTC.

    The batch norms and the layer norm end the plateau on which a CTC model says nothing but
    blanks within the first epoch.

    Args:
        frontend: Maps (speech, speech_lengths) to (features, lengths).
        feats_stats: An ``.npz`` file with count, sum and sum_square of the features.
        vocab_size: Number of tokens; token 0 is the blank.
        hidden_size: Units of the LSTM in each direction.
        num_layers: Layers of the LSTM.
        channels: Channels of the convolutions.
        dropout: Dropout between the layers.
        num_masks: Stretches of time and of frequency blanked in training (SpecAugment, Park et
            al. 2019).
    """

    def __init__(
        self,
        frontend: nn.Module,
        feats_stats: str,
        vocab_size: int,
        hidden_size: int = 128,
        num_layers: int = 2,
        channels: int = 32,
        dropout: float = 0.1,
        num_masks: int = 2,
    ) -> None:
        super().__init__()
        self.frontend = frontend
        mean, scale = load_stats(feats_stats)
        self.register_buffer("mean", mean)
        self.register_buffer("scale", scale)
        self.subsampling = nn.Sequential(
            nn.Conv2d(1, channels, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
        )
        width = channels * (-(-len(mean) // 4))
        self.project = nn.Linear(width, hidden_size)
        self.encoder = nn.LSTM(
            hidden_size,
            hidden_size,
            num_layers,
            batch_first=True,
            bidirectional=True,
            dropout=dropout if num_layers > 1 else 0.0,
        )
        self.norm = nn.LayerNorm(2 * hidden_size)
        self.head = nn.Linear(2 * hidden_size, vocab_size)
        self.dropout = nn.Dropout(dropout)
        self.num_masks = num_masks

    def forward(
        self,
        speech: torch.Tensor,
        speech_lengths: torch.Tensor,
        text: torch.Tensor,
        text_lengths: torch.Tensor,
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor], torch.Tensor]:
        """Return (loss, statistics, weight) of a batch.

        Args:
            speech: Audio, shape (batch, samples).
            speech_lengths: Shape (batch,).
            text: Token ids, shape (batch, tokens), padded with any number.
            text_lengths: Shape (batch,).
        """
        log_probs, lengths = self.encode(speech, speech_lengths)
        loss = nn.functional.ctc_loss(
            log_probs.transpose(0, 1),
            text.clamp_min(0),
            lengths,
            text_lengths,
            reduction="none",
            zero_infinity=True,
        )
        loss = (loss / text_lengths.clamp_min(1)).mean()
        weight = torch.tensor(len(speech), device=speech.device)
        return loss, {"loss": loss.detach()}, weight

    def encode(
        self, speech: torch.Tensor, speech_lengths: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return log probabilities, shape (batch, frames, vocab_size), and lengths (batch,)."""
        feats, lengths = self.frontend(speech, speech_lengths)
        feats = (feats - self.mean) * self.scale
        feats = zero_padding(feats, lengths)
        if self.training:
            feats = self._mask(feats)
        hidden = self.subsampling(feats[:, None])
        hidden = self.project(hidden.transpose(1, 2).flatten(2))
        lengths = ((lengths + 1) // 2 + 1) // 2
        hidden = self._recur(self.dropout(hidden), lengths)
        logits = self.head(self.dropout(self.norm(hidden)))
        return logits.log_softmax(-1), lengths

    def _recur(self, hidden: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        if self.training:  # padded batches train faster and as well
            return self.encoder(hidden)[0]
        # Packed, an utterance is recognised the same whatever it shares a batch with.
        packed = nn.utils.rnn.pack_padded_sequence(
            hidden, lengths.cpu(), batch_first=True, enforce_sorted=False
        )
        return nn.utils.rnn.pad_packed_sequence(self.encoder(packed)[0], batch_first=True)[0]

    def _mask(self, feats: torch.Tensor) -> torch.Tensor:
        batch, frames, bands = feats.shape
        for axis, size, longest in ((1, frames, frames // 12), (2, bands, bands // 6)):
            for _ in range(self.num_masks):
                start = torch.randint(0, max(size - longest, 1), (batch, 1), device=feats.device)
                width = torch.randint(0, longest + 1, (batch, 1), device=feats.device)
                position = torch.arange(size, device=feats.device)
                hit = (position >= start) & (position < start + width)
                hit = hit[:, :, None] if axis == 1 else hit[:, None, :]
                feats = feats.masked_fill(hit, 0.0)
        return feats


def load_stats(path: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Return mean and 1 / standard deviation, both float32 of shape (features,)."""
    with np.load(path) as stats:
        mean = stats["sum"] / stats["count"]
        variance = np.maximum(stats["sum_square"] / stats["count"] - mean**2, 1e-8)
    return torch.tensor(mean).float(), torch.tensor(variance**-0.5).float()


def zero_padding(feats: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    """Set everything after the end of each item to 0; ``feats`` is (batch, frames, bands)."""
    position = torch.arange(feats.shape[1], device=feats.device)
    return feats.masked_fill((position >= lengths[:, None])[:, :, None], 0.0)
