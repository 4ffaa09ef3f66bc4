"""What a training keeps beside Lightning's own state, whatever module makes its steps."""

from collections.abc import Collection, Mapping
from typing import Any

import lightning.pytorch as pl
from torch import nn

from espnet3_runtime.data.sampler import (
    Clock,
    read_generators,
    restore_generators,
    seed_generators,
)
from espnet3_runtime.errors import UserError
from espnet3_runtime.training.continuation import (
    compare_optimizers,
    describe_optimizers,
    read_rates,
)
from espnet3_runtime.training.ema import MovingAverage
from espnet3_runtime.training.measurements import Measurements
from espnet3_runtime.training.nan_policy import CALMER, NanPolicy, find_not_finite
from espnet3_runtime.training.parameter_groups import abbreviate_names

STATE_KEY = "espnet3"
"""Key of a full checkpoint for the state that Lightning does not keep."""


class TrainingState:
    """Position, measured values and moving average of a training.

    Args:
        model: The model whose weights are trained: a bare module, or a ``LightningModule``.
        config: The training config.
        clock: Seed and position; shared with the training loader.
        validates: Whether there is a validation.
        own_steps: Whether the model is a ``LightningModule``, which makes its steps itself.

    Attributes:
        measurements: The measured values.
        average: The moving average of the weights, if there is one.
        nan_policy: What leaves batches out, if anything does.
        grad_norm: The norm of the last gradients, a scalar, where it is known.
        written_rates: The rates of all parameter groups as the code or the config sets them.
        starts_epoch: Whether the training goes on from a checkpoint at the start of an epoch.
        has_validated: Whether a ``LightningModule`` was validated since the program started.
    """

    def __init__(
        self,
        model: nn.Module,
        config: Mapping[str, Any],
        clock: Clock,
        *,
        validates: bool,
        own_steps: bool,
    ) -> None:
        self.model = model
        self.clock = clock
        self.validates = validates
        self.own_steps = own_steps
        self.measurements = Measurements()
        self.nan_policy = None if own_steps else NanPolicy(config["nan_policy"])
        self.grad_norm: Any = None
        self.average: MovingAverage | None = None
        self._decay = config["ema"] and config["ema"]["decay"]
        self._broken = frozenset(find_not_finite(model))  # buffers may hold NaN on purpose
        self._optimizers: dict[str, Any] = {}
        self.written_rates: list[dict[str, float]] = []
        # From a loaded checkpoint, until they are used:
        self._generators: dict[str, Any] | None = None
        self.starts_epoch = False
        self.has_validated = False
        self.saved_optimizers: dict[str, Any] | None = None
        self._saved_average: dict[str, Any] | None = None

    def start_average(self) -> None:
        """Begin the moving average, or continue that of the checkpoint."""
        if self._decay is not None and self.average is None:
            self.average = MovingAverage(self.model, self._decay)
            if self._saved_average is not None:
                self.average.load(self._saved_average)

    def compare_optimizers(self, optimizers: list[Any], schedulers: list[Any]) -> None:
        """Compare optimizers and schedulers that were just made with those of the checkpoint."""
        self._optimizers = describe_optimizers(self.model, optimizers, schedulers)
        self.written_rates = read_rates(optimizers)
        if self.saved_optimizers is not None:
            compare_optimizers(self.saved_optimizers, self._optimizers)

    def start(self, trainer: pl.Trainer) -> None:
        """Set the generators to their state in the checkpoint, and check the weights."""
        clock = self.clock
        if self._generators is not None and trainer.world_size == 1:
            restore_generators(self._generators)
        elif self._generators is not None:  # the checkpoint holds those of rank 0 only
            seed_generators(clock.seed, clock.epoch, trainer.global_rank, clock.skip)
        self._generators = None
        parameters = [name for name, _ in self.model.named_parameters()]
        allowed = self._broken.difference(parameters)
        self._check_weights(trainer, "at the start of the training", allowed)

    def start_epoch(self, trainer: pl.Trainer) -> None:
        """Seed the generators from the seed of the run and the number of the epoch."""
        self.clock.epoch = trainer.current_epoch
        seed_generators(self.clock.seed, self.clock.epoch, trainer.global_rank)

    def end_epoch(self, trainer: pl.Trainer) -> None:
        """Check the weights."""
        self._check_weights(trainer, f"after epoch {trainer.current_epoch + 1}", self._broken)

    def _check_weights(self, trainer: pl.Trainer, when: str, allowed: Collection[str]) -> None:
        broken = sorted(set(find_not_finite(self.model)).difference(allowed))
        if trainer.strategy.reduce_boolean_decision(bool(broken), all=False):
            named = abbreviate_names(broken) or "those of another rank"
            raise UserError(f"weights are not finite {when}: {named}", hint=CALMER)

    def swap_average(self) -> None:
        """Exchange the weights and their average: validation uses the average."""
        if self.average is not None:
            self.average.swap_weights()

    def save(self, trainer: pl.Trainer) -> dict[str, Any]:
        """Return the state as tensors and plain values.

        The generators matter in the middle of an epoch only; each epoch seeds them anew.
        """
        epoch, done = _resume_position(trainer)
        measured = self.measurements
        return {
            "seed": self.clock.seed,
            "epoch": epoch,
            "batches": done,
            "generators": read_generators() if done else None,
            "means": {split: means.state() for split, means in measured.means.items()},
            "latest": dict(measured.latest),
            "fresh": sorted(measured.fresh),
            "validated": sorted(measured.validated),
            "average": None if self.average is None else self.average.state(),
            "ended": bool(trainer.should_stop),
            "optimizers": self._optimizers,
        }

    def load(self, trainer: pl.Trainer, state: Mapping[str, Any]) -> None:
        """Continue from a checkpoint, before the optimizers are constructed."""
        clock, measured = self.clock, self.measurements
        clock.seed, clock.epoch, clock.skip = state["seed"], state["epoch"], state["batches"]
        self._generators, self.starts_epoch = state["generators"], not state["batches"]
        for split, means in state["means"].items():
            measured.means[split].load(means)
        measured.latest, measured.fresh = dict(state["latest"]), set(state["fresh"])
        earlier = [name for name in measured.latest if name.startswith("valid/")]
        measured.validated = set(state.get("validated", earlier))
        self._saved_average = state["average"]
        if self.average is not None and self._saved_average is not None:
            self.average.load(self._saved_average)
        self.saved_optimizers = state["optimizers"] or None  # a callback saves before they are made
        trainer.should_stop = state["ended"]  # early stopping may have ended the training


def _resume_position(trainer: pl.Trainer) -> tuple[int, int]:
    """Return the epoch that a resumed training starts in, and how many batches are done."""
    loop = trainer.fit_loop
    progress: Any = loop.epoch_progress.current
    if progress.processed > progress.completed:  # an epoch has just ended
        return progress.processed, 0
    return progress.processed, int(loop.epoch_loop.batch_progress.current.ready)
