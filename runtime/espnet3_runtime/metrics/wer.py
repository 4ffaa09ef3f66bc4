"""Word error rate."""

from collections.abc import Sequence
from pathlib import Path

from espnet3_runtime.metrics.error_rate import error_rate, normalize


class WER:
    """Word error rate in %: substitutions, deletions and insertions per reference word.

    Args:
        normalize: Steps applied to both sides: lower, upper, nfkc, no_punctuation.
    """

    unit = "%"

    def __init__(self, normalize: Sequence[str] = ()) -> None:
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
            wer in %, and the numbers of substitutions, deletions, insertions, words (of the
            references), utterances and utterances_wrong.

        Raises:
            ValueError: All references are empty.
        """
        return error_rate("wer", "words", self._split(ref), self._split(hyp), utt_ids, directory)

    def _split(self, texts: Sequence[str]) -> list[list[str]]:
        return [normalize(text, self.normalize).split() for text in texts]
