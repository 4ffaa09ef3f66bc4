"""A metric."""

from collections.abc import Sequence


class LengthRatio:
    """Words recognised for each word spoken."""

    def __call__(self, ref: Sequence[str], hyp: Sequence[str]) -> dict[str, float]:
        """Return the ratio over all items."""
        spoken = sum(len(text.split()) for text in ref)
        return {"ratio": sum(len(text.split()) for text in hyp) / max(spoken, 1)}
