"""A metric: any callable from columns of strings to numbers."""

from collections.abc import Sequence


class SentenceErrors:
    """``metric: {_target_: src.sentence_errors.SentenceErrors}``; the share of wrong sentences."""

    unit = "%"

    def __call__(self, ref: Sequence[str], hyp: Sequence[str]) -> dict[str, float]:
        """Compare references and hypotheses, which come in the same order."""
        wrong = sum(left != right for left, right in zip(ref, hyp, strict=True))
        return {"ser": 100 * wrong / len(ref), "sentences": len(ref)}
