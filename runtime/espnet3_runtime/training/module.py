"""The LightningModule around a bare model; checkpoint keys are the bare model's."""

from collections.abc import Mapping
from typing import Any, Protocol

import lightning.pytorch as pl
import torch
from lightning.pytorch.strategies import DDPStrategy, SingleDeviceStrategy
from torch import nn
from torch.optim.lr_scheduler import ReduceLROnPlateau

from espnet3_runtime.data.loader import Batches
from espnet3_runtime.data.sampler import Clock, restore_generators, seed_generators
from espnet3_runtime.training.ema import MovingAverage
from espnet3_runtime.training.forward_inputs import (
    Fields,
    batch_size,
    move_fields,
    split_batch,
    unused_lengths,
)
from espnet3_runtime.training.forward_outputs import ForwardOutput, read_forward_output
from espnet3_runtime.training.measurements import Measurements, Weight
from espnet3_runtime.training.named_optimizers import NamedOptimizerLoop, single_loss, step_plateau
from espnet3_runtime.training.nan_policy import NanPolicy
from espnet3_runtime.training.optimizers import (
    Scheduler,
    count_steps,
    make_named_optimizers,
    make_single_optimizer,
)
from espnet3_runtime.training.resume_state import KEY, load_state, save_state


class LoaderFactory(Protocol):
    """Makes the loaders once the ranks are known."""

    def __call__(self, split: str, rank: int, world: int) -> Batches | None:
        """Return the loader of ``train`` or ``valid``; None when the split is empty."""


class TrainingModule(pl.LightningModule):
    """Trains a model that knows nothing of Lightning.

    Args:
        model: The bare model.
        name: Its import path, for messages.
        config: The training config.
        loaders: Makes the data loaders.
        clock: Seed and position; shared with the training loader.

    Attributes:
        numbers: What was measured.
        average: The moving average of the weights, if there is one.
        named: The named optimizers, if there are any.
        named_state: Their counters, from a checkpoint.
        generators: The state of the random generators, from a checkpoint.
    """

    def __init__(
        self,
        model: nn.Module,
        name: str,
        config: Mapping[str, Any],
        loaders: LoaderFactory,
        clock: Clock,
    ) -> None:
        super().__init__()
        self.model = model
        self.model_name = name
        self.config = config
        self.loaders = loaders
        self.clock = clock
        self.numbers = Measurements()
        self.named: NamedOptimizerLoop | None = None
        self.automatic_optimization = not config["optimizers"]
        self.finite = NanPolicy(config["nan_policy"])
        decay = config["ema"] and config["ema"]["decay"]
        self.average = None if decay is None else MovingAverage(model, decay)
        self.grad_norm: torch.Tensor | None = None
        self._scheduler: Scheduler | None = None
        self._dropped: frozenset[str] | None = None
        self._made: dict[str, Batches | None] = {}
        self.generators: dict[str, Any] | None = None
        self.named_state: dict[str, dict[str, int]] | None = None

    # The bare model's names, so that a checkpoint loads into the model alone.

    def state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """Return the state of the bare model."""
        return self.model.state_dict(*args, **kwargs)

    def load_state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """Load the state of the bare model."""
        return self.model.load_state_dict(*args, **kwargs)

    # Data.

    def loader(self, split: str) -> Batches | None:
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
        """Return ids and fields, the tensors of shape ``(B, ...)`` on the device."""
        utt_ids, fields = split_batch(batch)
        if self._dropped is None:
            self._dropped = unused_lengths(self.model, self.model_name, fields)
        for key in self._dropped:
            fields.pop(key, None)
        return utt_ids, (fields if device.type == "cpu" else move_fields(fields, device))

    # Steps.

    def forward(self, **fields: torch.Tensor) -> Any:
        """Call the bare model with tensors of shape ``(B, ...)``; return what it returns."""
        return self.model(**fields)

    def training_step(self, batch: tuple[list[str], Fields], _index: int) -> torch.Tensor | None:
        """Return the scalar loss of a batch; with named optimizers, make their steps instead."""
        outcome, weight = self._forward_batch(batch)
        if not self.finite.check(outcome, self, batch[0]):
            return self.finite.zero_loss(self.model)
        self.numbers.step = outcome.stats
        self.numbers.means["train"].add(outcome.stats, weight)
        if self.named is None:
            return single_loss(outcome, self.model_name)
        if self.named.step(self, outcome) and self.average is not None:
            self.average.update()
        return None

    def validation_step(self, batch: tuple[list[str], Fields], index: int) -> None:
        """Count the numbers of a batch; repetitions that only fill up a rank do not count."""
        sampler = getattr(self._made["valid"], "batch_sampler", None)
        if index < getattr(sampler, "distinct", index + 1):
            outcome, weight = self._forward_batch(batch)
            self.numbers.means["valid"].add(outcome.stats, weight)
        elif self.trainer.world_size > 1:
            self._forward_batch(batch)  # sharded strategies need every rank in every step

    def _forward_batch(self, batch: tuple[list[str], Fields]) -> tuple[ForwardOutput, Weight]:
        utt_ids, fields = batch
        outcome = read_forward_output(self.model(**fields), self.model_name)
        weight = batch_size(utt_ids, fields) if outcome.weight is None else outcome.weight
        return outcome, weight

    # Optimizers.

    def configure_optimizers(self) -> Any:
        """Construct what the config names."""
        if self.config["optimizers"]:
            named = make_named_optimizers(self.model, self.config, self.total_steps)
            self.named = NamedOptimizerLoop(named, self.model_name)
            if self.named_state is not None:
                self.named.load(self.named_state)
            return self.named.lightning()
        optimizer, self._scheduler = make_single_optimizer(
            self.model, self.config, self.total_steps
        )
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
        """Clip, and keep the norm for the logs where torch's own function gives it.

        Args:
            optimizer: The optimizer that steps next.
            gradient_clip_val: Largest norm or value of a gradient; None clips nothing.
            gradient_clip_algorithm: ``norm`` or ``value``; None is ``norm``.
        """
        kind = getattr(gradient_clip_algorithm, "value", gradient_clip_algorithm)
        if not gradient_clip_val or kind not in (None, "norm") or not self._has_plain_gradients():
            self.clip_gradients(optimizer, gradient_clip_val, gradient_clip_algorithm)
            return
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        self.grad_norm = nn.utils.clip_grad_norm_(parameters, gradient_clip_val)
        self.finite.check_gradients(self.grad_norm, parameters)

    def _has_plain_gradients(self) -> bool:
        """Whether every rank holds all gradients, unscaled."""
        trainer = self.trainer
        plain = isinstance(trainer.strategy, (SingleDeviceStrategy, DDPStrategy))
        return plain and getattr(trainer.precision_plugin, "scaler", None) is None

    # Epochs and resuming.

    def on_train_start(self) -> None:
        """Put the generators back to where the checkpoint was written."""
        if self.generators is not None:
            if self.trainer.world_size == 1:
                restore_generators(self.generators)
            else:  # the checkpoint holds those of rank 0 only
                seed_generators(
                    self.clock.seed, self.clock.epoch, self.trainer.global_rank, self.clock.skip
                )
            self.generators = None

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
            self.average.swap_weights()

    def on_validation_end(self) -> None:
        """Train on with the weights themselves."""
        if self.average is not None:
            self.average.swap_weights()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add what Lightning does not know."""
        checkpoint[KEY] = save_state(self)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Go on from there."""
        if KEY in checkpoint:
            load_state(self, checkpoint[KEY])
