"""The metric accuracy."""

from collections.abc import Sequence

from espnet3_runtime.metrics.error_rate import normalize


class Accuracy:
    """Share of items in % whose hypothesis equals the reference.

    Args:
        normalize: Steps applied to both sides: lower, upper, nfkc, no_punctuation.
    """

    unit = "%"

    def __init__(self, normalize: Sequence[str] = ()) -> None:
        self.normalize = tuple(normalize)

    def __call__(self, ref: Sequence[str], hyp: Sequence[str]) -> dict[str, float]:
        """Compare two columns of the same order.

        Returns:
            accuracy in %, correct and total.

        Raises:
            ValueError: There are no items.
        """
        if not ref:
            raise ValueError("there are no items to compare")
        correct = sum(
            normalize(left, self.normalize) == normalize(right, self.normalize)
            for left, right in zip(ref, hyp, strict=True)
        )
        return {
            "accuracy": round(100 * correct / len(ref), 4),
            "correct": correct,
            "total": len(ref),
        }
