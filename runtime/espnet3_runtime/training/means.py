"""Weighted means over an epoch, summed on the device without waiting for it."""

from collections.abc import Mapping
from typing import Any

import torch

from espnet3_runtime.training.outcome import Stats

Weight = torch.Tensor | float


class Means:
    """Sums of values and weights by name."""

    def __init__(self) -> None:
        self._sums: dict[str, list[Any]] = {}

    def add(self, stats: Stats, weight: Weight) -> None:
        """Count the numbers of one batch."""
        for name, value in stats.items():
            wide = value.double() if isinstance(value, torch.Tensor) else value
            entry = self._sums.get(name)
            if entry is None:
                self._sums[name] = [wide * weight, weight]
            else:
                entry[0] = entry[0] + wide * weight
                entry[1] = entry[1] + weight

    def compute(self) -> dict[str, float]:
        """Return the means over all batches of all ranks."""
        sums = _merge([self.state()])
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            parts: list[Any] = [None] * torch.distributed.get_world_size()
            torch.distributed.all_gather_object(parts, self.state())
            sums = _merge(parts)
        return {name: total / weight for name, (total, weight) in sums.items() if weight}

    def state(self) -> dict[str, list[float]]:
        """Return sums and weights as plain numbers."""
        return {name: [float(total), float(weight)] for name, (total, weight) in self._sums.items()}

    def load(self, state: Mapping[str, list[float]]) -> None:
        """Go on from a state."""
        self._sums = {name: list(entry) for name, entry in state.items()}

    def reset(self) -> None:
        """Forget everything."""
        self._sums = {}


def _merge(parts: list[dict[str, list[float]]]) -> dict[str, tuple[float, float]]:
    merged: dict[str, tuple[float, float]] = {}
    for part in parts:
        for name, (total, weight) in part.items():
            old = merged.get(name, (0.0, 0.0))
            merged[name] = (old[0] + total, old[1] + weight)
    return merged
