"""Short-time objective intelligibility, by the package pystoi."""

import numpy as np

from espnet3_runtime.metrics.inputs.waves import PairMetric, WavePair
from espnet3_runtime.metrics.optional_packages import require_package


class STOI(PairMetric):
    """Short-time objective intelligibility: 1 is as intelligible as the reference.

    Args:
        extended: Whether it is ESTOI, for noise that changes quickly.
        sample_rate: In Hz, where the files do not say it: arrays in ``.npy``.
    """

    def __init__(self, *, extended: bool = False, sample_rate: int | None = None) -> None:
        self._stoi = require_package("pystoi", "metrics").stoi
        self.extended = extended
        self.sample_rate = sample_rate
        super().__init__("estoi" if extended else "stoi", self._compare, digits=6)

    def _compare(self, pair: WavePair) -> float:
        """Return the mean over the channels of one pair."""
        rate = pair.rate(self.sample_rate)
        pairs = zip(pair.ref, pair.other, strict=True)
        values = [self._stoi(one, two, rate, extended=self.extended) for one, two in pairs]
        return float(np.mean(values))
