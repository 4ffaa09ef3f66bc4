"""Greedy CTC decoding that says when each token was heard, which a report shows."""

from itertools import accumulate

import torch
from torch import nn

from .decode import GreedyCTC


class AlignedCTC(GreedyCTC):
    """The same texts, and start and end of every token beside them.

    Args:
        token_list: A file with one token a line; the first is the blank.
        tokenizer_model: The SentencePiece model that joins tokens to text.
        sample_rate: Of the audio, in Hz.
    """

    def __init__(self, token_list: str, tokenizer_model: str, sample_rate: int = 16_000) -> None:
        super().__init__(token_list, tokenizer_model)
        self.sample_rate = sample_rate

    @torch.inference_mode()
    def __call__(
        self, model: nn.Module, speech: torch.Tensor, speech_lengths: torch.Tensor, **_: object
    ) -> list[dict[str, object]]:
        """Return ``{"text": words, "alignment": tokens}`` of every item, times in seconds."""
        log_probs, lengths = model.encode(speech, speech_lengths)
        best = log_probs.argmax(-1).cpu()
        seconds = (speech_lengths / self.sample_rate / lengths).tolist()
        return [
            self._align(path[:length], frame)
            for path, length, frame in zip(best, lengths.tolist(), seconds, strict=True)
        ]

    def _align(self, path: torch.Tensor, frame: float) -> dict[str, object]:
        ids, counts = (one.tolist() for one in torch.unique_consecutive(path, return_counts=True))
        runs = zip(ids, accumulate(counts), counts, strict=True)
        spans = [
            {"start": (end - count) * frame, "end": end * frame, "text": self.tokens[i]}
            for i, end, count in runs
            if i != 0
        ]
        return {"text": self._text(ids), "alignment": spans}
