"""A preprocessor: from a sample to the sample that the model gets."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from espnet3_runtime.data.preprocess import TextToTokens


class TokensAndGain:
    """Token ids as usual, and speech of one peak level."""

    def __init__(self, tokenizer: str, peak: float = 0.9) -> None:
        self.tokens = TextToTokens(tokenizer)
        self.peak = peak

    def __call__(self, sample: Mapping[str, Any]) -> dict[str, Any]:
        """Change ``speech``, float32 of shape ``(samples,)`` in [-1, 1], and ``text``."""
        changed = self.tokens(sample)
        loudest = np.abs(changed["speech"]).max(initial=1e-5)
        changed["speech"] = changed["speech"] * np.float32(self.peak / loudest)
        return changed
