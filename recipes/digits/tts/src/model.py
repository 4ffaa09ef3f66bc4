"""The whole: an acoustic model that is trained already, and a vocoder that is trained with it."""

import torch
from torch import nn

from .vocoder import Discriminator, Generator, log_spectrum

_RESOLUTIONS = (256, 1024)


class SpeakingModel(nn.Module):
    """Speaks phones; ``forward`` trains generator and discriminators on recordings.

    Args:
        acoustic: The acoustic model; it stays as it is.
        generator: Maps (normalised log mel features, lengths) to waves.
        mel_weight: Weight of the distance of mel spectra in the loss of the generator.
        spectrum_weight: Weight of the distance of spectra of two resolutions.
        match_weight: Weight of the distance of what the discriminators' layers see.
    """

    def __init__(
        self,
        acoustic: nn.Module,
        generator: Generator,
        mel_weight: float = 15.0,
        spectrum_weight: float = 5.0,
        match_weight: float = 2.0,
    ) -> None:
        super().__init__()
        self.acoustic = acoustic
        self.generator = generator
        self.discriminator = nn.ModuleList(Discriminator(size) for size in _RESOLUTIONS)
        self.weights = (mel_weight, spectrum_weight, match_weight)

    def forward(
        self, speech: torch.Tensor, speech_lengths: torch.Tensor, **_: object
    ) -> dict[str, object]:
        """Return a loss for each of the optimizers ``generator`` and ``discriminator``.

        Args:
            speech: Audio, float32 in [-1, 1] at the frontend's rate, shape (batch, samples).
            speech_lengths: Number of samples of each item, shape (batch,).
        """
        feats, lengths = self.acoustic.frontend(speech, speech_lengths)
        made = self.generator(self._normalise(feats), lengths)
        real = speech[:, : made.shape[1]]
        again, _ = self.acoustic.frontend(made, speech_lengths)
        mel = (again - feats[:, : again.shape[1]]).abs().mean()
        spectra = self._compare_spectra(real, made)
        fooled, matched, caught = self._judge(real, made)
        weights = self.weights
        loss = fooled + weights[0] * mel + weights[1] * spectra + weights[2] * matched
        return {
            "loss": {"generator": loss, "discriminator": caught},
            "mel": mel,
            "spectra": spectra,
            "fooled": fooled,
            "matched": matched,
        }

    def speak(
        self, phones: torch.Tensor, phones_lengths: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return waves and their lengths in samples, shapes (batch, samples) and (batch,).

        Args:
            phones: Indices in the token list, shape (batch, phones).
            phones_lengths: Number of phones of each item, shape (batch,).
        """
        mel, lengths = self.acoustic.speak(phones, phones_lengths)
        wave = self.generator(self._normalise(mel), lengths)
        return wave.clamp(-1, 1), (lengths - 1) * self.generator.hop_length

    def _normalise(self, feats: torch.Tensor) -> torch.Tensor:
        return (feats - self.acoustic.mean) / self.acoustic.deviation

    def _compare_spectra(self, real: torch.Tensor, made: torch.Tensor) -> torch.Tensor:
        forms = [(one.n_fft, one.window, one.n_fft // 4) for one in self.discriminator]
        pairs = [(log_spectrum(real, *form), log_spectrum(made, *form)) for form in forms]
        return torch.stack([(one - two).abs().mean() for one, two in pairs]).mean()

    def _judge(self, real: torch.Tensor, made: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return the loss of fooling, the distance of layers, and the loss of catching."""
        losses = []
        for one in self.discriminator:
            scores, layers = one(real)
            made_scores, made_layers = one(made)
            old_scores, _ = one(made.detach())
            pairs = zip(layers, made_layers, strict=True)
            matched = torch.stack([(a.detach() - b).abs().mean() for a, b in pairs]).mean()
            caught = (scores - 1).square().mean() + old_scores.square().mean()
            losses.append(torch.stack([(made_scores - 1).square().mean(), matched, caught]))
        fooled, matched, caught = torch.stack(losses).mean(0)
        return fooled, matched, caught
