"""From scores to keywords."""

import torch
from torch import nn

from src.labels import KEYWORDS


class BestKeyword:
    """Takes the keyword with the highest score."""

    @torch.inference_mode()
    def __call__(
        self, model: nn.Module, speech: torch.Tensor, speech_lengths: torch.Tensor, **_: object
    ) -> list[dict[str, str]]:
        """Return ``{"keyword": word}`` for every item of a batch; shapes as in ``KeywordModel``."""
        best = model.classify(speech, speech_lengths).argmax(-1)
        return [{"keyword": KEYWORDS[index]} for index in best.tolist()]
