"""From phones to recordings."""

import torch
from torch import nn


class Speaker:
    """Speaks each item of a batch."""

    @torch.inference_mode()
    def __call__(
        self, model: nn.Module, phones: torch.Tensor, phones_lengths: torch.Tensor, **_: object
    ) -> list[dict[str, torch.Tensor]]:
        """Return ``{"wave": audio}`` for every item of a batch; shapes as in ``SpeakingModel``."""
        waves, lengths = model.speak(phones, phones_lengths)
        return [
            {"wave": wave[:length]} for wave, length in zip(waves, lengths.tolist(), strict=True)
        ]
