"""Augmentation of samples."""

import random
from typing import Any


class SpeedPerturb:
    """Plays a sample faster or slower."""

    def __init__(self, factors: list[float], sample_rate: int = 16_000) -> None:
        self.factors = factors
        self.sample_rate = sample_rate

    def __call__(self, sample: dict[str, Any]) -> dict[str, Any]:
        """Return the sample at a random speed."""
        factor = random.choice(self.factors)
        speech = sample["speech"]
        picked = [int(index * factor) for index in range(int(len(speech) / factor))]
        return sample | {"speech": speech[picked]}


class AddNoise:
    """Adds white noise."""

    def __init__(self, snr_low: float = 5.0, snr_high: float = 20.0) -> None:
        self.range = (snr_low, snr_high)

    def __call__(self, sample: dict[str, Any]) -> dict[str, Any]:
        """Return the sample with noise at a random level."""
        level = 10 ** (-random.uniform(*self.range) / 20)
        noise = [random.gauss(0.0, level) for _ in sample["speech"]]
        return sample | {"speech": sample["speech"] + noise}
