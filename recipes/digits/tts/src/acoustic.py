"""Phones to log mel spectra and durations, after FastSpeech (Ren et al. 2019)."""

import numpy as np
import torch
from torch import nn

from espnet3_runtime.data.preprocess import read_labels

from .blocks import ConvBlock, inside_mask


class AcousticModel(nn.Module):
    """Phones → hidden states, repeated for as long as each phone lasts → log mel spectrum.

    Args:
        frontend: Maps (speech, speech_lengths) to (log mel features, lengths).
        feats_stats: An ``.npz`` file with count, sum and sum_square of the features.
        token_list: ``tokens.txt`` of the stage ``prepare_tokens``: one phone a line.
        width: Units of every layer.
        dropout: Dropout of every block.
    """

    def __init__(
        self,
        frontend: nn.Module,
        feats_stats: str,
        token_list: str,
        width: int = 96,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.frontend = frontend
        with np.load(feats_stats) as stats:
            mean = stats["sum"] / stats["count"]
            deviation = (stats["sum_square"] / stats["count"] - mean**2).clip(1e-8) ** 0.5
        self.register_buffer("mean", torch.tensor(mean).float())
        self.register_buffer("deviation", torch.tensor(deviation).float())
        self.embedding = nn.Embedding(len(read_labels(token_list)), width)
        self.encoder = nn.ModuleList(ConvBlock(width, 5, dropout) for _ in range(3))
        self.duration = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, width), nn.GELU(), nn.Linear(width, 1)
        )
        self.place = nn.Linear(2, width)
        self.decoder = nn.ModuleList(ConvBlock(width, 7, dropout) for _ in range(4))
        self.to_mel = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, len(mean)))

    def forward(
        self,
        speech: torch.Tensor,
        speech_lengths: torch.Tensor,
        phones: torch.Tensor,
        phones_lengths: torch.Tensor,
        durations: torch.Tensor,
    ) -> dict[str, torch.Tensor]:
        """Return the loss of a batch, and its parts.

        Args:
            speech: Audio, float32 in [-1, 1] at the frontend's rate, shape (batch, samples).
            speech_lengths: Number of samples of each item, shape (batch,).
            phones: Indices in the token list, shape (batch, phones).
            phones_lengths: Number of phones of each item, shape (batch,).
            durations: Of each phone in samples, as long as the audio together; shape as phones.
        """
        feats, lengths = self.frontend(speech, speech_lengths)
        target = (feats - self.mean) / self.deviation
        known = inside_mask(phones_lengths, phones.shape[1])[:, :, 0]
        frames = self._to_frames(durations * known.long(), lengths)
        hidden = self._encode(phones, phones_lengths)
        mel = self._decode(hidden, frames)
        inside = inside_mask(lengths, target.shape[1])
        mel_loss = ((mel - target).abs() * inside).sum() / (inside.sum() * target.shape[2])
        off = self.duration(hidden)[:, :, 0] - torch.log1p(frames.float())
        duration_loss = (off.square() * known).sum() / known.sum()
        return {"loss": mel_loss + duration_loss, "mel": mel_loss, "duration": duration_loss}

    def speak(
        self, phones: torch.Tensor, phones_lengths: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return log mel features as of the frontend, and their lengths; phones as in forward."""
        hidden = self._encode(phones, phones_lengths)
        frames = self.duration(hidden)[:, :, 0].expm1().round().long().clamp_min(1)
        frames = frames * inside_mask(phones_lengths, phones.shape[1])[:, :, 0].long()
        mel = self._decode(hidden, frames)
        return mel * self.deviation + self.mean, frames.sum(1)

    def _to_frames(self, durations: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Return how many frames of the frontend each phone has; together all of the item."""
        ends = durations.cumsum(1) // self.frontend.hop_length
        ends = torch.minimum(ends, lengths[:, None])
        last = durations.cumsum(1) >= durations.sum(1, keepdim=True)
        ends = torch.where(last, lengths[:, None], ends)
        return torch.diff(ends, dim=1, prepend=torch.zeros_like(ends[:, :1]))

    def _encode(self, phones: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        inside = inside_mask(lengths, phones.shape[1])
        hidden = self.embedding(phones.clamp_min(0)) * inside
        for block in self.encoder:
            hidden = block(hidden, inside)
        return hidden

    def _decode(self, hidden: torch.Tensor, frames: torch.Tensor) -> torch.Tensor:
        """Repeat each phone for its frames, say where in it each frame is, and decode."""
        total = frames.sum(1)
        ends = frames.cumsum(1)
        position = torch.arange(int(total.max()), device=frames.device).expand(len(frames), -1)
        phone = torch.searchsorted(ends, position.contiguous(), right=True)
        phone = phone.clamp_max(frames.shape[1] - 1)
        length = frames.gather(1, phone)
        into = position - (ends.gather(1, phone) - length)
        share = (into.float() + 0.5) / length.clamp_min(1)
        place = torch.stack([share, torch.log1p(length.float())], -1)
        inside = inside_mask(total, position.shape[1])
        wide = hidden.gather(1, phone[:, :, None].expand(-1, -1, hidden.shape[2]))
        decoded = (wide + self.place(place)) * inside
        for block in self.decoder:
            decoded = block(decoded, inside)
        return self.to_mel(decoded) * inside
