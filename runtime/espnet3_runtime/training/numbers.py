"""What was measured in a training."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from espnet3_runtime.training.means import Means

if TYPE_CHECKING:
    import lightning.pytorch as pl


@dataclass
class Numbers:
    """What was measured.

    Attributes:
        means: Sums over the running epoch by split.
        latest: The last known mean of every value, as ``train/loss`` and ``valid/loss``.
        fresh: Names of the values that were measured in the running epoch.
        step: The numbers of the last batch.
    """

    means: dict[str, Means] = field(default_factory=lambda: {"train": Means(), "valid": Means()})
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


def latest_of(trainer: "pl.Trainer", numbers: Numbers) -> dict[str, float]:
    """Return all known values, those logged by callbacks of the recipe included."""
    logged = {name: float(value) for name, value in trainer.callback_metrics.items()}
    return {**logged, **numbers.latest}
