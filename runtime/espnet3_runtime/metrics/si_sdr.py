"""Scale-invariant signal-to-distortion ratio, and its improvement."""

from collections.abc import Sequence

import numpy as np

from espnet3_runtime.metrics.inputs.waves import PairMetric, Samples, WavePair, score_pairs
from espnet3_runtime.metrics.item_scores import ItemScores

_MOST_DB = 100.0
"""Of an output that equals the reference up to its level; the ratio itself would be infinite."""


def si_sdr(ref: Samples, other: Samples) -> float:
    """Return the scale-invariant signal-to-distortion ratio in dB, the mean over channels.

    The means of both are taken off first; values beyond 100 dB are cut.

    Args:
        ref: ``(channels, samples)``.
        other: Of the same shape.

    Raises:
        ValueError: A reference is silent.
    """
    ref = ref - ref.mean(axis=1, keepdims=True)
    other = other - other.mean(axis=1, keepdims=True)
    energy = (ref**2).sum(axis=1, keepdims=True)
    if not energy.all():
        raise ValueError("the reference is silent")
    target = (ref * other).sum(axis=1, keepdims=True) / energy * ref
    signal, noise = (target**2).sum(axis=1), ((other - target) ** 2).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = 10 * np.log10(signal / noise)
    ratio = np.nan_to_num(ratio, nan=-_MOST_DB, posinf=_MOST_DB, neginf=-_MOST_DB)
    return float(ratio.clip(-_MOST_DB, _MOST_DB).mean())


class SISDR(PairMetric):
    """Scale-invariant signal-to-distortion ratio in dB, the mean over items."""

    unit = "dB"

    def __init__(self) -> None:
        super().__init__("si_sdr", _compare)


class SISDRImprovement:
    """How far enhancement raises the scale-invariant signal-to-distortion ratio, in dB."""

    unit = "dB"
    higher_is_better = True
    reads_audio = True

    def __call__(
        self,
        ref: Sequence[str],
        enhanced: Sequence[str],
        noisy: Sequence[str],
        *,
        utt_ids: Sequence[str] | None = None,
        item_scores: ItemScores | None = None,
    ) -> dict[str, float]:
        """Compare enhanced and noisy recordings with clean ones.

        Args:
            ref: Files of the clean recordings.
            enhanced: Files of the enhanced ones, in the same order.
            noisy: Files of what was enhanced, in the same order.
            utt_ids: Names of the items, for messages; None numbers them.
            item_scores: Gets the three ratios of each item.

        Returns:
            si_sdr_improvement, and si_sdr and si_sdr_noisy, all in dB, and items.

        Raises:
            UserError: There are no items, or one cannot be read or compared.
        """
        after, before = (
            np.array(score_pairs(_compare, (ref, side), utt_ids)) for side in (enhanced, noisy)
        )
        ratios = {"si_sdr_improvement": after - before, "si_sdr_noisy": before, "si_sdr": after}
        if item_scores is not None:
            for name, values in ratios.items():
                item_scores.add(name, values.round(4), unit=self.unit)
        means = {name: round(float(values.mean()), 4) for name, values in ratios.items()}
        return {**means, "items": len(after)}


def _compare(pair: WavePair) -> float:
    return si_sdr(pair.ref, pair.other)
