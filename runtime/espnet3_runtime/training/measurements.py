"""What was measured in a training."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch

from espnet3_runtime.training.forward_outputs import Stats

if TYPE_CHECKING:
    import lightning.pytorch as pl

Weight = torch.Tensor | float


class WeightedMeans:
    """Sums of values and weights by name."""

    def __init__(self) -> None:
        self._sums: dict[str, list[Any]] = {}

    def add(self, stats: Stats, weight: Weight) -> None:
        """Count the numbers of one batch.

        Args:
            stats: Scalar tensors or floats by name.
            weight: How much the batch counts, a scalar tensor or float.
        """
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
        sums = _merge_sums([self.state()])
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            parts: list[Any] = [None] * torch.distributed.get_world_size()
            torch.distributed.all_gather_object(parts, self.state())
            sums = _merge_sums(parts)
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


def _merge_sums(parts: list[dict[str, list[float]]]) -> dict[str, tuple[float, float]]:
    merged: dict[str, tuple[float, float]] = {}
    for part in parts:
        for name, (total, weight) in part.items():
            old = merged.get(name, (0.0, 0.0))
            merged[name] = (old[0] + total, old[1] + weight)
    return merged


@dataclass
class Measurements:
    """What was measured.

    Attributes:
        means: Sums over the running epoch by split.
        latest: The last known mean of every value, as ``train/loss`` and ``valid/loss``.
        fresh: Names of the values that were measured in the running epoch.
        step: The numbers of the last batch.
    """

    means: dict[str, WeightedMeans] = field(
        default_factory=lambda: {"train": WeightedMeans(), "valid": WeightedMeans()}
    )
    latest: dict[str, float] = field(default_factory=dict)
    fresh: set[str] = field(default_factory=set)
    step: dict[str, Any] = field(default_factory=dict)

    def close(self, split: str, *, record: bool = True) -> dict[str, float]:
        """Return the means of an epoch and begin a new one; a sanity check is not recorded."""
        values = {f"{split}/{name}": value for name, value in self.means[split].compute().items()}
        self.means[split].reset()
        if record:
            self.latest |= values
            self.fresh |= values.keys()
        return values


def latest_values(trainer: "pl.Trainer", numbers: Measurements) -> dict[str, float]:
    """Return all known values, those logged by callbacks of the recipe included."""
    logged = {name: float(value) for name, value in trainer.callback_metrics.items()}
    return {**logged, **numbers.latest}
