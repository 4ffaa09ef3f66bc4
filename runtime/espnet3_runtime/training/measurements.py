"""Values measured in a training: means over an epoch, and the newest of each."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any

import torch

from espnet3_runtime.errors import UserError, did_you_mean
from espnet3_runtime.training.forward_outputs import Stats

if TYPE_CHECKING:
    import lightning.pytorch as pl

Weight = torch.Tensor | float


class WeightedMeans:
    """Sums of values and weights by name."""

    def __init__(self) -> None:
        self._sums: dict[str, list[Any]] = {}

    def add(self, stats: Stats, weight: Weight) -> None:
        """Add the values of one batch, scalar tensors or floats, with the weight of the batch."""
        for name, value in stats.items():
            wide = value.double() if isinstance(value, torch.Tensor) else value
            total, weights = self._sums.get(name, (0.0, 0.0))
            self._sums[name] = [total + wide * weight, weights + weight]

    def compute(self) -> dict[str, float]:
        """Return the means over all batches of all ranks."""
        parts: list[Any] = [self.state()]
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            parts *= torch.distributed.get_world_size()
            torch.distributed.all_gather_object(parts, self.state())
        sums: dict[str, tuple[float, float]] = {}
        for name, (total, weight) in chain.from_iterable(part.items() for part in parts):
            old_total, old_weight = sums.get(name, (0.0, 0.0))
            sums[name] = (old_total + total, old_weight + weight)
        return {name: total / weight for name, (total, weight) in sums.items() if weight}

    def state(self) -> dict[str, list[float]]:
        """Return sums and weights as plain numbers."""
        return {name: [float(total), float(weight)] for name, (total, weight) in self._sums.items()}

    def load(self, state: Mapping[str, list[float]]) -> None:
        """Continue from a state."""
        self._sums = {name: list(entry) for name, entry in state.items()}


@dataclass
class Measurements:
    """All measured values of a training.

    Attributes:
        means: Means over the current epoch by split.
        latest: The newest mean of every value, as ``train/loss`` and ``valid/loss``.
        fresh: Names of the values that were measured in the current epoch.
        validated: Names of the values that validation measures.
        step: The values of the last batch.
    """

    means: dict[str, WeightedMeans] = field(
        default_factory=lambda: {"train": WeightedMeans(), "valid": WeightedMeans()}
    )
    latest: dict[str, float] = field(default_factory=dict)
    fresh: set[str] = field(default_factory=set)
    validated: set[str] = field(default_factory=set)
    step: dict[str, Any] = field(default_factory=dict)

    def close(self, split: str, *, record: bool = True) -> dict[str, float]:
        """Return the means of an epoch and begin a new one; a sanity check is not recorded."""
        values = {f"{split}/{name}": value for name, value in self.means[split].compute().items()}
        self.means[split] = WeightedMeans()
        if split == "valid":
            self.validated |= values.keys()
        if record:
            self.record(values)
        return values

    def record(self, values: Mapping[str, float]) -> None:
        """Keep values as the newest, measured in the current epoch."""
        self.latest |= values
        self.fresh |= values.keys()


def logged_values(trainer: "pl.Trainer") -> dict[str, float]:
    """Return the numbers that the loop that runs has logged: of the batch, or of an ended epoch."""
    found = trainer._logger_connector.metrics["callback"]  # noqa: SLF001
    numbers = {name: float(value) for name, value in found.items() if value.numel() == 1}
    forks = {f"{name}{ending}" for name in numbers for ending in ("_step", "_epoch")}
    return {name: value for name, value in numbers.items() if name not in forks}


def latest_values(trainer: "pl.Trainer", measurements: Measurements) -> dict[str, float]:
    """Return the newest value of every name, those that callbacks of the recipe log included."""
    logged = {name: float(value) for name, value in trainer.callback_metrics.items()}
    return {**logged, **measurements.latest}


def read_value(
    latest: Mapping[str, float], monitor: str, where: str, *, logged: bool = False
) -> float:
    """Return a measured value by name.

    Args:
        latest: The newest measured values by name.
        monitor: The name, for example ``valid/loss``.
        where: The key path of the setting that asks for it.
        logged: Whether a ``LightningModule`` logs the values itself.

    Raises:
        UserError: There is no such value.
    """
    if monitor not in latest and logged:
        names = ", ".join(sorted(latest)) or "nothing"
        hint = did_you_mean(monitor, sorted(latest)) or f"the module logs {names}"
        raise UserError(f'"{monitor}" is not logged', where=where, hint=hint)
    if monitor not in latest:
        hint, why = did_you_mean(monitor, sorted(latest)), ""
        split, _, name = monitor.partition("/")
        parts = [one for one in latest if one.startswith(f"{split}/") and one.endswith("/loss")]
        if name == "loss" and parts:
            hint, why = f"choose one of {', '.join(parts)}", ": the model gives several losses"
        raise UserError(f'"{monitor}" is not measured{why}', where=where, hint=hint)
    return latest[monitor]
