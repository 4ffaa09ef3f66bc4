"""Preprocessors that come with the runtime."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from espnet3_runtime.data.tokens import Tokenizer


class TextToTokens:
    """Replace the text of a sample by token ids.

    The ids are lines of the ``tokens.txt`` beside the tokenizer: 0 is ``<blank>``, 1 ``<unk>``,
    then the pieces, and ``<sos/eos>`` is last.

    Args:
        tokenizer: ``tokenizer.model`` of a train_tokenizer stage.
        field: The field to replace; samples without it stay as they are.
    """

    def __init__(self, tokenizer: str | Path, field: str = "text") -> None:
        self.tokenizer = Tokenizer(tokenizer)
        self.field = field

    def __call__(self, sample: Mapping[str, Any]) -> dict[str, Any]:
        """Return the sample with int64 ids of shape ``(tokens,)`` in place of the text."""
        changed = dict(sample)
        text = changed.get(self.field)
        if isinstance(text, str):
            changed[self.field] = np.array(self.tokenizer.encode(text), dtype=np.int64)
        return changed
