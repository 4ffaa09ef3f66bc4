"""Short-time objective intelligibility, by the package pystoi."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from espnet3_runtime.metrics.optional_packages import require_package
from espnet3_runtime.metrics.waves import WavePair, score_pairs


class STOI:
    """Short-time objective intelligibility: 1 is as intelligible as the reference.

    Args:
        extended: Whether it is ESTOI, for noise that changes quickly.
        sample_rate: In Hz, where the files do not say it: arrays in ``.npy``.
    """

    higher_is_better = True
    reads_audio = True

    def __init__(self, *, extended: bool = False, sample_rate: int | None = None) -> None:
        self._stoi = require_package("pystoi", "metrics").stoi
        self.extended = extended
        self.sample_rate = sample_rate

    def __call__(
        self,
        ref: Sequence[str],
        enhanced: Sequence[str],
        *,
        utt_ids: Sequence[str] | None = None,
        directory: Path | None = None,
    ) -> dict[str, float]:
        """Compare enhanced recordings with clean ones.

        Args:
            ref: Files of the clean recordings.
            enhanced: Files of the enhanced ones, in the same order.
            utt_ids: Names of the items, for messages and files.
            directory: Gets ``values.scp`` with the number of each item.

        Returns:
            stoi, or estoi, and items.

        Raises:
            UserError: A file cannot be read, does not fit its reference, or no rate is known.
        """
        values = score_pairs(self._compare, (ref, enhanced), utt_ids, directory)
        name = "estoi" if self.extended else "stoi"
        return {name: round(float(np.mean(values)), 6), "items": len(values)}

    def _compare(self, pair: WavePair) -> float:
        rate = pair.sample_rate or self.sample_rate
        if rate is None:
            raise ValueError("no file says its sample rate; give the metric sample_rate")
        pairs = zip(pair.ref, pair.other, strict=True)
        values = [self._stoi(one, two, rate, extended=self.extended) for one, two in pairs]
        return float(np.mean(values))
