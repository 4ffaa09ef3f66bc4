"""What a recording says and means, and what a transcript means."""

import torch
from torch import nn

from espnet3_runtime.data.tokens import Tokenizer


class SpeechRunner:
    """Writes the transcript by greedy CTC and the translation by greedy attention.

    Args:
        source: The tokenizer of the spoken language.
        target: The tokenizer of the other one.
    """

    def __init__(self, source: str, target: str) -> None:
        self.source, self.target = Tokenizer(source), Tokenizer(target)

    @torch.inference_mode()
    def __call__(
        self, model: nn.Module, speech: torch.Tensor, speech_lengths: torch.Tensor, **_: object
    ) -> list[dict[str, str]]:
        """Return ``{"transcript", "translation"}`` for every item; shapes as in the model."""
        hidden, lengths = model.encode(speech, speech_lengths)
        best = model.ctc(hidden).argmax(-1).cpu()
        said = [
            [token for token in torch.unique_consecutive(path[:length]).tolist() if token != 0]
            for path, length in zip(best, lengths.tolist(), strict=True)
        ]
        meant = model.decoder.greedy(hidden, lengths)
        return [
            {"transcript": self.source.decode(one), "translation": self.target.decode(other)}
            for one, other in zip(said, meant, strict=True)
        ]


class TextRunner:
    """Writes the translation of a transcript.

    Args:
        target: The tokenizer of the translation.
    """

    def __init__(self, target: str) -> None:
        self.target = Tokenizer(target)

    @torch.inference_mode()
    def __call__(
        self, model: nn.Module, text: torch.Tensor, text_lengths: torch.Tensor, **_: object
    ) -> list[dict[str, str]]:
        """Return ``{"translation"}`` for every transcript; shapes as in the model."""
        meant = model.decoder.greedy(*model.encode(text, text_lengths))
        return [{"translation": self.target.decode(one)} for one in meant]
