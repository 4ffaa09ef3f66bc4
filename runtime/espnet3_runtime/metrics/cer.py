"""Character error rate."""

from collections.abc import Sequence

from espnet3_runtime.metrics.error_rate import ErrorRate, Normalizer


class CER(ErrorRate):
    """Character error rate in %, spaces between words included.

    Args:
        normalize: Steps applied to both sides: lower, upper, nfkc, no_punctuation.
        ignore_spaces: Drop all spaces first, for languages written without them.
    """

    def __init__(
        self, normalize: Sequence[Normalizer] = (), *, ignore_spaces: bool = False
    ) -> None:
        split = _without_spaces if ignore_spaces else list
        super().__init__("cer", "characters", split, normalize)


def _without_spaces(text: str) -> list[str]:
    return list(text.replace(" ", ""))
