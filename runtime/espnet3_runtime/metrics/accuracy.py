"""The metric accuracy."""

import re
from collections.abc import Sequence
from decimal import Decimal

from espnet3_runtime.metrics.error_rate import Normalizer, checked_steps, normalize
from espnet3_runtime.metrics.item_scores import ItemScores

_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?", re.ASCII)


class Accuracy:
    """Share of items in % whose hypothesis equals the reference; 2, 2.0 and 2e0 are equal.

    Args:
        normalize: Steps applied to both sides: lower, upper, nfkc, no_punctuation.
    """

    unit = "%"
    higher_is_better = True
    texts_only = True

    def __init__(self, normalize: Sequence[Normalizer] = ()) -> None:
        self.normalize = checked_steps(normalize)

    def __call__(
        self,
        ref: Sequence[str],
        hyp: Sequence[str],
        *,
        item_scores: ItemScores | None = None,
    ) -> dict[str, float]:
        """Compare two columns of the same order.

        Args:
            ref: References.
            hyp: Hypotheses, one for each reference.
            item_scores: Gets 100 for each item that is right, and 0 for the others.

        Returns:
            accuracy in %, correct and total.

        Raises:
            ValueError: There are no items.
        """
        if not ref:
            raise ValueError("there are no items to compare")
        said, heard = ([normalize(text, self.normalize) for text in side] for side in (ref, hyp))
        right = [
            _same_number(*texts) or one == other
            for *texts, one, other in zip(ref, hyp, said, heard, strict=True)
        ]
        if item_scores is not None:
            item_scores.add("accuracy", [100 * one for one in right])
            same = [
                one if fits else other for fits, one, other in zip(right, said, heard, strict=True)
            ]
            item_scores.show(ref=said, hyp=same)
        return {
            "accuracy": round(100 * sum(right) / len(ref), 4),
            "correct": sum(right),
            "total": len(ref),
        }


def _same_number(left: str, right: str) -> bool:
    """Whether both are numbers as Python writes them (007 is none), and equal."""
    numbers = [Decimal(text) for text in (left, right) if _NUMBER.fullmatch(text)]
    return len(numbers) == 2 and numbers[0] == numbers[1]  # noqa: PLR2004
