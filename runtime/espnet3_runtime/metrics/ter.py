"""Token error rate."""

from collections.abc import Sequence
from pathlib import Path

from espnet3_runtime.metrics.error_rate import error_rate, normalize


class TER:
    """Token error rate in % over the pieces of a SentencePiece model.

    Args:
        tokenizer_model: The SentencePiece model, for example
            ``${stages.train_tokenizer.tokenizer_model}``.
        normalize: Steps applied to both sides: lower, upper, nfkc, no_punctuation.
    """

    unit = "%"

    def __init__(self, tokenizer_model: str, normalize: Sequence[str] = ()) -> None:
        import sentencepiece

        self.tokenizer = sentencepiece.SentencePieceProcessor(model_file=str(tokenizer_model))
        self.normalize = tuple(normalize)

    def __call__(
        self,
        ref: Sequence[str],
        hyp: Sequence[str],
        *,
        utt_ids: Sequence[str] | None = None,
        directory: Path | None = None,
    ) -> dict[str, float]:
        """Score hypotheses against references of the same order.

        Args:
            ref: References.
            hyp: Hypotheses, one for each reference.
            utt_ids: Names of the utterances, for the files.
            directory: Where the alignments are written; None writes none.

        Returns:
            ter in %, and the numbers of substitutions, deletions, insertions, tokens (of the
            references), utterances and utterances_wrong.

        Raises:
            ValueError: All references are empty.
        """
        return error_rate("ter", "tokens", self._split(ref), self._split(hyp), utt_ids, directory)

    def _split(self, texts: Sequence[str]) -> list[list[str]]:
        cleaned = [normalize(text, self.normalize) for text in texts]
        pieces: list[list[str]] = self.tokenizer.encode(cleaned, out_type=str)
        return pieces
