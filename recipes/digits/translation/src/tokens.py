"""Two languages, a tokenizer each."""

from collections.abc import Mapping
from typing import Any

from espnet3_runtime.data.preprocess import TextToTokens


class TwoTexts:
    """Replaces the text and its translation by token ids.

    Args:
        source: The tokenizer of the field ``text``.
        target: The tokenizer of the field ``translation``.
    """

    def __init__(self, source: str, target: str) -> None:
        self.steps = TextToTokens(source), TextToTokens(target, field="translation")

    def __call__(self, sample: Mapping[str, Any]) -> dict[str, Any]:
        """Return the sample with int64 ids, shape (tokens,), in place of both texts."""
        changed = dict(sample)
        for step in self.steps:
            changed = step(changed)
        return changed
