"""Character error rate."""

from collections.abc import Sequence
from pathlib import Path

from espnet3_runtime.metrics.error_rate import error_rate, normalize


class CER:
    """Character error rate in %, spaces between words included.

    Args:
        normalize: Steps applied to both sides: lower, upper, nfkc, no_punctuation.
        ignore_spaces: Drop all spaces first, for languages written without them.
    """

    unit = "%"

    def __init__(self, normalize: Sequence[str] = (), *, ignore_spaces: bool = False) -> None:
        self.normalize = tuple(normalize)
        self.ignore_spaces = ignore_spaces

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
            cer in %, and the numbers of substitutions, deletions, insertions, characters (of the
            references), utterances and utterances_wrong.

        Raises:
            ValueError: All references are empty.
        """
        pairs = self._split(ref), self._split(hyp)
        return error_rate("cer", "characters", *pairs, utt_ids, directory)

    def _split(self, texts: Sequence[str]) -> list[list[str]]:
        cleaned = (normalize(text, self.normalize) for text in texts)
        return [list(text.replace(" ", "") if self.ignore_spaces else text) for text in cleaned]
