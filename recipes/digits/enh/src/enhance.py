"""The runner: from noisy to enhanced audio."""

import torch
from torch import nn


class Enhance:
    """Gives each item of a batch its enhanced audio, of the length that it came with."""

    @torch.inference_mode()
    def __call__(
        self, model: nn.Module, speech: torch.Tensor, speech_lengths: torch.Tensor, **_: object
    ) -> list[dict[str, torch.Tensor]]:
        """Return ``{"enhanced": audio}`` for every item; shapes as in ``MaskModel``."""
        enhanced = model.enhance(speech, speech_lengths).clamp(-1, 1)
        lengths = speech_lengths.tolist()
        return [{"enhanced": one[:length]} for one, length in zip(enhanced, lengths, strict=True)]
