"""Word error rate."""

from espnet3_runtime.metrics.error_rate import ErrorRate


class WER(ErrorRate):
    """Word error rate in %: substitutions, deletions and insertions per reference word.

    Args:
        normalize: Steps applied to both sides: lower, upper, nfkc, no_punctuation.
    """

    name = "wer"
    tokens = "words"

    def split(self, text: str) -> list[str]:
        """Return the words of a text."""
        return text.split()
