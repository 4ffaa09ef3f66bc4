"""A small speech enhancer: an ordinary ``nn.Module``."""

import torch
from torch import nn

FLOOR = 1e-3
"""Added to the power of a bin before the logarithm; speech has a power of 1 on average."""


class MaskModel(nn.Module):
    """A mask over the spectrum, from a bidirectional GRU; phases stay as they are.

    Args:
        n_fft: Samples of a window; half of them is the step.
        hidden_size: Units of the GRU in each direction.
        num_layers: Layers of the GRU.
        limit: In dB: beyond it a better chunk counts for no more.
    """

    def __init__(
        self, n_fft: int = 512, hidden_size: int = 128, num_layers: int = 2, limit: float = 30.0
    ) -> None:
        super().__init__()
        self.n_fft = n_fft
        self.register_buffer("window", torch.hann_window(n_fft).sqrt(), persistent=False)
        bins = n_fft // 2 + 1
        self.norm = nn.BatchNorm1d(bins)
        self.project = nn.Linear(bins, hidden_size)
        self.encoder = nn.GRU(
            hidden_size, hidden_size, num_layers, batch_first=True, bidirectional=True
        )
        self.mask = nn.Linear(2 * hidden_size, bins)
        self.floor = 10 ** (-limit / 10)

    def forward(
        self,
        speech: torch.Tensor,
        speech_lengths: torch.Tensor,
        clean: torch.Tensor,
        **_: object,
    ) -> dict[str, torch.Tensor]:
        """Return the loss of a batch: distortion to speech in dB.

        Args:
            speech: Noisy audio, float32 in [-1, 1], shape (batch, samples).
            speech_lengths: Number of samples of each item, shape (batch,).
            clean: The same without noise, of the same shape.
            **_: The lengths of ``clean``, the same numbers.
        """
        enhanced = self.enhance(speech, speech_lengths)
        energy = clean.square().sum(1) + 1e-6
        distortion = (enhanced - clean).square().sum(1)
        return {"loss": (10 * (distortion / energy + self.floor).log10()).mean()}

    def enhance(self, speech: torch.Tensor, speech_lengths: torch.Tensor) -> torch.Tensor:
        """Return enhanced audio, shape (batch, samples); ``speech`` is as in ``forward``.

        An item is enhanced the same whatever it shares a batch with.
        """
        power = speech.square().sum(1) / speech_lengths
        level = power.clamp_min(1e-10).sqrt()[:, None]
        hop = self.n_fft // 2
        spectrum = torch.stft(
            speech / level,
            self.n_fft,
            hop,
            window=self.window,
            pad_mode="constant",
            normalized=True,
            return_complex=True,
        )
        feats = self.norm((spectrum.abs().square() + FLOOR).log()).transpose(1, 2)
        packed = nn.utils.rnn.pack_padded_sequence(
            self.project(feats),
            (speech_lengths // hop + 1).cpu(),
            batch_first=True,
            enforce_sorted=False,
        )
        hidden, _ = nn.utils.rnn.pad_packed_sequence(
            self.encoder(packed)[0], batch_first=True, total_length=feats.shape[1]
        )
        mask = self.mask(hidden).sigmoid().transpose(1, 2)
        enhanced = torch.istft(
            spectrum * mask,
            self.n_fft,
            hop,
            window=self.window,
            normalized=True,
            length=speech.shape[1],
        )
        inside = torch.arange(speech.shape[1], device=speech.device) < speech_lengths[:, None]
        return enhanced * level * inside
