"""Features and their augmentation."""

import torch
from torch import nn


class LogMel(nn.Module):
    """Log mel filter bank features."""

    def __init__(
        self, sample_rate: int = 16_000, n_mels: int = 80, n_fft: int = 512, hop_length: int = 160
    ) -> None:
        super().__init__()
        self.sample_rate = sample_rate
        self.n_mels = n_mels
        self.n_fft = n_fft
        self.hop_length = hop_length

    def forward(
        self, speech: torch.Tensor, speech_lengths: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return features, shape (batch, frames, n_mels), and their lengths, shape (batch,)."""
        power = torch.stft(speech, self.n_fft, self.hop_length, return_complex=True).abs() ** 2
        bands = nn.functional.adaptive_avg_pool1d(power.transpose(1, 2), self.n_mels)
        return bands.log(), speech_lengths // self.hop_length + 1


class SpecMask(nn.Module):
    """Blanks stretches of time and of frequency."""

    def __init__(
        self,
        time_width: int = 40,
        time_masks: int = 2,
        freq_width: int = 27,
        freq_masks: int = 2,
    ) -> None:
        super().__init__()
        self.time = (time_width, time_masks)
        self.freq = (freq_width, freq_masks)

    def forward(self, feats: torch.Tensor) -> torch.Tensor:
        """Return features of the same shape, (batch, frames, bands)."""
        for axis, (width, masks) in ((1, self.time), (2, self.freq)):
            for _ in range(masks):
                start = int(torch.randint(0, feats.shape[axis], (1,)))
                feats.narrow(axis, start, min(width, feats.shape[axis] - start)).zero_()
        return feats
