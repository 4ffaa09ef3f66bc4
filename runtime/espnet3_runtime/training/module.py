"""The LightningModule around a bare model; checkpoint keys are the bare model's."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import lightning.pytorch as pl
import torch
from lightning.pytorch.strategies import DDPStrategy, SingleDeviceStrategy
from torch import nn
from torch.optim.lr_scheduler import ReduceLROnPlateau
from torch.utils.data import DataLoader

from espnet3_runtime.data.sampler import (
    Clock,
    read_generators,
    restore_generators,
    seed_generators,
)
from espnet3_runtime.training.ema import MovingAverage
from espnet3_runtime.training.fields import Fields, batch_size, move, split_batch, unused_lengths
from espnet3_runtime.training.finite import NanPolicy
from espnet3_runtime.training.means import Means, Weight
from espnet3_runtime.training.named import NamedLoop, single_loss, step_plateau
from espnet3_runtime.training.optimizers import (
    Scheduler,
    count_steps,
    make_named,
    make_single,
)
from espnet3_runtime.training.outcome import Outcome, read_outcome

KEY = "espnet3"
"""Where a full checkpoint keeps what Lightning does not: position, generators, means, average."""


class Loaders(Protocol):
    """Makes the loaders once the ranks are known."""

    def __call__(self, split: str, rank: int, world: int) -> DataLoader[Any] | None:
        """Return the loader of ``train`` or ``valid``; None when the split is empty."""


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

    def close(self, split: str) -> dict[str, float]:
        """Return the means of an epoch and begin a new one."""
        values = {f"{split}/{name}": value for name, value in self.means[split].compute().items()}
        self.means[split].reset()
        self.latest |= values
        self.fresh |= values.keys()
        return values


class TrainingModule(pl.LightningModule):
    """Trains a model that knows nothing of Lightning.

    Args:
        model: The bare model.
        name: Its import path, for messages.
        config: The training config.
        loaders: Makes the data loaders.
        clock: Seed and position; shared with the training loader.
    """

    def __init__(
        self,
        model: nn.Module,
        name: str,
        config: Mapping[str, Any],
        loaders: Loaders,
        clock: Clock,
    ) -> None:
        super().__init__()
        self.model = model
        self.model_name = name
        self.config = config
        self.loaders = loaders
        self.clock = clock
        self.numbers = Numbers()
        self.named: NamedLoop | None = None
        self.automatic_optimization = not config["optimizers"]
        self.finite = NanPolicy(config["nan_policy"])
        decay = config["ema"] and config["ema"]["decay"]
        self.average = None if decay is None else MovingAverage(model, decay)
        self.grad_norm: torch.Tensor | None = None
        self._scheduler: Scheduler | None = None
        self._dropped: frozenset[str] | None = None
        self._made: dict[str, DataLoader[Any] | None] = {}
        self._generators: dict[str, Any] | None = None
        self._named_state: dict[str, dict[str, int]] | None = None

    # The bare model's names, so that a checkpoint loads into the model alone.

    def state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """Return the state of the bare model."""
        return self.model.state_dict(*args, **kwargs)

    def load_state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """Load the state of the bare model."""
        return self.model.load_state_dict(*args, **kwargs)

    # Data.

    def loader(self, split: str) -> DataLoader[Any] | None:
        """Return the loader of a split, made at the first call."""
        if split not in self._made:
            self._made[split] = self.loaders(
                split, self.trainer.global_rank, self.trainer.world_size
            )
        return self._made[split]

    def train_dataloader(self) -> Any:
        """Return the loader of the training set."""
        return self.loader("train")

    def val_dataloader(self) -> Any:
        """Return the loader of the validation set; none when there is no such set."""
        loader = self.loader("valid")
        return [] if loader is None else loader

    def transfer_batch_to_device(self, batch: Any, device: torch.device, _loader: int) -> Any:
        """Move the tensors of a batch; ids stay."""
        utt_ids, fields = split_batch(batch)
        if self._dropped is None:
            self._dropped = unused_lengths(self.model, self.model_name, fields)
        for key in self._dropped:
            fields.pop(key, None)
        return utt_ids, (fields if device.type == "cpu" else move(fields, device))

    # Steps.

    def forward(self, **fields: torch.Tensor) -> Any:
        """Call the bare model."""
        return self.model(**fields)

    def training_step(self, batch: tuple[list[str], Fields], _index: int) -> torch.Tensor | None:
        """Compute the loss of a batch; with named optimizers, make their steps too."""
        outcome, weight = self._run(batch)
        if not self.finite.check(outcome, self, batch[0]):
            return self.finite.harmless(self.model)
        self.numbers.step = outcome.stats
        self.numbers.means["train"].add(outcome.stats, weight)
        if self.named is None:
            return single_loss(outcome, self.model_name)
        self.named.step(self, outcome)
        return None

    def validation_step(self, batch: tuple[list[str], Fields], index: int) -> None:
        """Count the numbers of a batch; repetitions that only fill up a rank do not count."""
        sampler = getattr(self._made["valid"], "batch_sampler", None)
        if index < getattr(sampler, "distinct", index + 1):
            outcome, weight = self._run(batch)
            self.numbers.means["valid"].add(outcome.stats, weight)
        elif self.trainer.world_size > 1:
            self._run(batch)  # sharded strategies need every rank in every step

    def _run(self, batch: tuple[list[str], Fields]) -> tuple[Outcome, Weight]:
        utt_ids, fields = batch
        outcome = read_outcome(self.model(**fields), self.model_name)
        weight = batch_size(utt_ids, fields) if outcome.weight is None else outcome.weight
        return outcome, weight

    # Optimizers.

    def configure_optimizers(self) -> Any:
        """Construct what the config names."""
        if self.config["optimizers"]:
            named = make_named(self.model, self.config, self.total_steps)
            self.named = NamedLoop(named)
            if self._named_state is not None:
                self.named.load(self._named_state)
            return self.named.lightning()
        optimizer, self._scheduler = make_single(self.model, self.config, self.total_steps)
        if self._scheduler is None:
            return optimizer
        return {"optimizer": optimizer, "lr_scheduler": self._scheduler.lightning()}

    def total_steps(self, per_step: int) -> int:
        """Return the steps of an optimizer that takes ``per_step`` batches for each."""
        trainer, loader = self.trainer, self.loader("train")
        assert loader is not None
        limit = trainer.limit_train_batches
        epochs, steps = trainer.max_epochs, trainer.max_steps
        return count_steps(len(loader), limit, epochs, steps, per_step)

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """Step, then let the moving average follow."""
        super().optimizer_step(*args, **kwargs)
        if self.average is not None:
            self.average.update()

    def on_before_optimizer_step(self, _optimizer: Any) -> None:
        """Leave the weights alone when no batch of this step had a usable loss."""
        if self.automatic_optimization:
            self.finite.before_step(self.model)

    def configure_gradient_clipping(
        self,
        optimizer: Any,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clip, and keep the norm for the logs where torch's own function gives it."""
        kind = getattr(gradient_clip_algorithm, "value", gradient_clip_algorithm)
        if not gradient_clip_val or kind not in (None, "norm") or not self._plain_gradients():
            self.clip_gradients(optimizer, gradient_clip_val, gradient_clip_algorithm)
            return
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        self.grad_norm = nn.utils.clip_grad_norm_(parameters, gradient_clip_val)
        self.finite.check_gradients(self.grad_norm, parameters)

    def _plain_gradients(self) -> bool:
        """Whether every rank holds all gradients, unscaled."""
        trainer = self.trainer
        plain = isinstance(trainer.strategy, (SingleDeviceStrategy, DDPStrategy))
        return plain and getattr(trainer.precision_plugin, "scaler", None) is None

    # Epochs and resuming.

    def on_train_start(self) -> None:
        """Put the generators back to where the checkpoint was written."""
        if self._generators is not None:
            if self.trainer.world_size == 1:
                restore_generators(self._generators)
            else:  # the checkpoint holds those of rank 0 only
                seed_generators(
                    self.clock.seed, self.clock.epoch, self.trainer.global_rank, self.clock.skip
                )
            self._generators = None

    def on_train_epoch_start(self) -> None:
        """Make the epoch a function of the seed and its number."""
        self.clock.epoch = self.trainer.current_epoch
        seed_generators(self.clock.seed, self.clock.epoch, self.trainer.global_rank)

    def lr_scheduler_step(self, scheduler: Any, metric: Any) -> None:
        """Leave plateau schedulers to the end of the epoch, before its checkpoint is written."""
        if not isinstance(scheduler, ReduceLROnPlateau):
            super().lr_scheduler_step(scheduler, metric)

    def on_train_epoch_end(self) -> None:
        """Move the schedulers that watch a value, and those of named optimizers."""
        fresh = {name: self.numbers.latest[name] for name in self.numbers.fresh}
        known = self.numbers.latest.keys()
        if self.named is not None:
            self.named.end_epoch(fresh, known)
        elif self._scheduler is not None:
            step_plateau(self._scheduler, fresh, known)
        self.numbers.fresh = set()

    def on_validation_start(self) -> None:
        """Validate with the averaged weights."""
        if self.average is not None:
            self.average.swap()

    def on_validation_end(self) -> None:
        """Train on with the weights themselves."""
        if self.average is not None:
            self.average.swap()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the position, generators, running means, average and policies."""
        epoch, done = self._position()
        checkpoint[KEY] = {
            "seed": self.clock.seed,
            "epoch": epoch,
            "batches": done,
            "generators": read_generators() if done else None,
            "means": {split: means.state() for split, means in self.numbers.means.items()},
            "latest": dict(self.numbers.latest),
            "average": None if self.average is None else self.average.state(),
            "ended": bool(self.trainer.should_stop),
            "named": None if self.named is None else self.named.state(),
        }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Go on from there."""
        state = checkpoint.get(KEY)
        if state is None:
            return
        self.clock.seed = state["seed"]
        self.clock.epoch, self.clock.skip = state["epoch"], state["batches"]
        self._generators = state["generators"]
        for split, means in state["means"].items():
            self.numbers.means[split].load(means)
        self.numbers.latest = dict(state["latest"])
        if self.average is not None and state["average"] is not None:
            self.average.load(state["average"])
        self._named_state = state["named"]
        self.trainer.should_stop = state["ended"]  # early stopping may have had its say

    def _position(self) -> tuple[int, int]:
        """Return the epoch to go on with, and how many of its batches are done."""
        progress: Any = self.trainer.fit_loop.epoch_progress.current
        if progress.processed > progress.completed:  # an epoch has just ended
            return progress.processed, 0
        loop = self.trainer.fit_loop.epoch_loop
        return progress.processed, int(loop.batch_progress.current.ready)


def latest_of(trainer: pl.Trainer, module: TrainingModule) -> dict[str, float]:
    """Return all known values, those logged by callbacks of the recipe included."""
    logged = {name: float(value) for name, value in trainer.callback_metrics.items()}
    return {**logged, **module.numbers.latest}
