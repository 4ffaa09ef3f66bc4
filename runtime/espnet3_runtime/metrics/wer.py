"""Word error rate."""

from collections.abc import Sequence

from espnet3_runtime.metrics.error_rate import ErrorRate, Normalizer


class WER(ErrorRate):
    """Word error rate in %: substitutions, deletions and insertions per reference word.

    Args:
        normalize: Steps applied to both sides: lower, upper, nfkc, no_punctuation.
    """

    def __init__(self, normalize: Sequence[Normalizer] = ()) -> None:
        super().__init__("wer", "words", str.split, normalize)
