"""Character error rate."""

from collections.abc import Sequence

from espnet3_runtime.metrics.error_rate import ErrorRate


class CER(ErrorRate):
    """Character error rate in %, spaces between words included.

    Args:
        normalize: Steps applied to both sides: lower, upper, nfkc, no_punctuation.
        ignore_spaces: Drop all spaces first, for languages written without them.
    """

    name = "cer"
    tokens = "characters"

    def __init__(self, normalize: Sequence[str] = (), *, ignore_spaces: bool = False) -> None:
        super().__init__(normalize)
        self.ignore_spaces = ignore_spaces

    def split(self, text: str) -> list[str]:
        """Return the characters of a text."""
        return list(text.replace(" ", "") if self.ignore_spaces else text)
