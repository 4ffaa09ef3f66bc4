"""Log mel spectra to waves, after Vocos (Siuzdak 2023): a spectrum for each frame, inverted."""

import torch
from torch import nn

from .blocks import ConvBlock, inside_mask

_LOUDEST = 5.0
"""The natural logarithm of the largest magnitude that a frame can have."""


class Generator(nn.Module):
    """Predicts magnitude and phase of each frame, and overlaps and adds the frames.

    Args:
        n_mels: Bands of the mel spectrum.
        hop_length: Samples between its frames.
        width: Units of every layer.
        num_blocks: Number of blocks.
    """

    def __init__(
        self, n_mels: int = 80, hop_length: int = 160, width: int = 128, num_blocks: int = 4
    ) -> None:
        super().__init__()
        self.hop_length, self.n_fft = hop_length, 4 * hop_length
        self.begin = nn.Conv1d(n_mels, width, 7, padding=3)
        self.blocks = nn.ModuleList(ConvBlock(width) for _ in range(num_blocks))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, self.n_fft + 2)
        self.register_buffer("window", torch.hann_window(self.n_fft), persistent=False)

    def forward(self, mel: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Return waves, shape (batch, samples), silent after the end of each item.

        Args:
            mel: Normalised log mel features, shape (batch, frames, n_mels).
            lengths: Number of frames of each item, shape (batch,); an item of n frames becomes
                (n - 1) * hop_length samples.
        """
        inside = inside_mask(lengths, mel.shape[1])
        hidden = self.begin((mel * inside).transpose(1, 2)).transpose(1, 2) * inside
        for block in self.blocks:
            hidden = block(hidden, inside)
        size, phase = self.head(self.norm(hidden)).chunk(2, dim=-1)
        spectrum = torch.polar(size.clamp_max(_LOUDEST).exp() * inside, phase)
        return torch.istft(
            spectrum.transpose(1, 2), self.n_fft, self.hop_length, window=self.window, center=True
        )


class Discriminator(nn.Module):
    """Tells recordings from what the generator makes, by spectra of one resolution.

    Args:
        n_fft: Samples in a frame of the spectrum.
        channels: Channels of the convolutions.
    """

    def __init__(self, n_fft: int, channels: int = 8) -> None:
        super().__init__()
        self.n_fft = n_fft
        self.register_buffer("window", torch.hann_window(n_fft), persistent=False)
        self.layers = nn.ModuleList(
            nn.Conv2d(width, channels, (5, 3), stride=(2, 1), padding=(2, 1))
            for width in (1, channels, channels)
        )
        self.head = nn.Conv2d(channels, 1, 3, padding=1)

    def forward(self, wave: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """Return scores (1: a recording, 0: made) and the outputs of the layers.

        Args:
            wave: Shape (batch, samples).
        """
        hidden = log_spectrum(wave, self.n_fft, self.window, self.n_fft // 2)[:, None]
        found = []
        for layer in self.layers:
            hidden = nn.functional.leaky_relu(layer(hidden), 0.1)
            found.append(hidden)
        return self.head(hidden), found


def log_spectrum(
    wave: torch.Tensor, n_fft: int, window: torch.Tensor, hop_length: int
) -> torch.Tensor:
    """Return log magnitudes, shape (batch, n_fft // 2 + 1, frames).

    Args:
        wave: Shape (batch, samples).
        n_fft: Samples in a frame.
        window: Shape (n_fft,).
        hop_length: Samples between frames.
    """
    found = torch.stft(wave, n_fft, hop_length, window=window, return_complex=True)
    return (found.real.square() + found.imag.square()).clamp_min(1e-6).log() / 2
