"""The LightningModule around a bare model; checkpoint keys are the bare model's."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.strategies import DDPStrategy, SingleDeviceStrategy
from torch import nn
from torch.optim.lr_scheduler import ReduceLROnPlateau

from espnet3_runtime.errors import no_early_end
from espnet3_runtime.training.continuation import check_schedule
from espnet3_runtime.training.forward_inputs import (
    Fields,
    batch_size,
    check_labels,
    is_ctc_of_transformers,
    split_batch,
    unused_lengths,
)
from espnet3_runtime.training.forward_outputs import ForwardOutput, read_forward_output
from espnet3_runtime.training.lightning_code.data import OwnLoaders, count_batches
from espnet3_runtime.training.lightning_code.state import STATE_KEY, TrainingState
from espnet3_runtime.training.loaders import (
    TrainingBatches,
    check_train_epoch,
    check_validation,
)
from espnet3_runtime.training.measurements import Weight
from espnet3_runtime.training.named_optimizers import NamedOptimizerLoop, single_loss, step_plateau
from espnet3_runtime.training.optimizers import (
    Scheduler,
    count_steps,
    make_named_optimizers,
    make_single_optimizer,
)

LoaderFactory = Callable[[str, int, int], TrainingBatches | None]
"""From split, rank and number of ranks to a loader; None when the split is empty."""


class TrainingModule(pl.LightningModule):
    """Trains a bare ``torch.nn.Module`` with Lightning.

    Args:
        name: The import path of the model, for messages.
        config: The training config.
        loaders: Makes the data loaders; None where a data module does.
        kept: The state of the training, with the bare model.

    Attributes:
        named: The named optimizers, if there are any.
    """

    def __init__(
        self,
        name: str,
        config: Mapping[str, Any],
        loaders: LoaderFactory | None,
        kept: TrainingState,
    ) -> None:
        super().__init__()
        assert kept.nan_policy is not None
        self.model = kept.model
        self.model_name = name
        self.config = config
        self.loaders = loaders
        self.kept = kept
        self.named: NamedOptimizerLoop | None = None
        self.automatic_optimization = not config["optimizers"]
        self.nan_policy = kept.nan_policy
        self._own_loaders = OwnLoaders(kept) if loaders is None else None
        self._scheduler: Scheduler | None = None
        self._dropped: frozenset[str] | None = None
        self._is_ctc = is_ctc_of_transformers(kept.model)
        self._made: dict[str, TrainingBatches | None] = {}
        self._named_state: dict[str, dict[str, int]] | None = None  # of a loaded checkpoint
        kept.start_average()

    # The bare model's names, so that a checkpoint loads into the model alone.

    def state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """Return the state of the bare model."""
        return self.model.state_dict(*args, **kwargs)

    def load_state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """Load the state of the bare model."""
        return self.model.load_state_dict(*args, **kwargs)

    # Data.

    def loader(self, split: str) -> TrainingBatches | None:
        """Return the loader of a split, made at the first call."""
        if self.loaders is None:
            return None
        if split not in self._made:
            trainer = self.trainer
            self._made[split] = self.loaders(split, trainer.global_rank, trainer.world_size)
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
        if self._is_ctc:
            check_labels(self.model_name, utt_ids, fields)
        return utt_ids, super().transfer_batch_to_device(fields, device, 0)

    # Steps.

    def forward(self, **fields: torch.Tensor) -> Any:
        """Call the bare model with tensors of shape ``(B, ...)``."""
        return self.model(**fields)

    def training_step(self, batch: tuple[list[str], Fields], _index: int) -> torch.Tensor | None:
        """Return the scalar loss of a batch; with named optimizers, make their steps instead."""
        outcome, weight = self._forward_batch(batch)
        if not self.nan_policy.check(outcome, self, batch[0]):
            return self.nan_policy.zero_loss(self.model)
        self.kept.measurements.step = outcome.stats
        self.kept.measurements.means["train"].add(outcome.stats, weight)
        if self.named is None:
            return single_loss(outcome, self.model_name)
        if self.named.step(self, outcome) and self.kept.average is not None:
            self.kept.average.update()
        return None

    def validation_step(self, batch: tuple[list[str], Fields], index: int) -> None:
        """Measure a batch, unless it is a repetition that only fills up a rank."""
        loader = self._made.get("valid")
        sampler = getattr(getattr(loader, "loader", loader), "batch_sampler", None)
        if index < getattr(sampler, "distinct", index + 1):
            outcome, weight = self._forward_batch(batch)
            self.kept.measurements.means["valid"].add(outcome.stats, weight)
        elif self.trainer.world_size > 1:
            self._forward_batch(batch)  # sharded strategies need every rank in every step

    def _forward_batch(self, batch: tuple[list[str], Fields]) -> tuple[ForwardOutput, Weight]:
        utt_ids, fields = batch
        with no_early_end(f"{self.model_name}, on {', '.join(utt_ids[:3]) or 'a batch'} …,"):
            outcome = read_forward_output(self.model(**fields), self.model_name)
        weight = batch_size(utt_ids, fields) if outcome.weight is None else outcome.weight
        return outcome, weight

    # Optimizers.

    def configure_optimizers(self) -> Any:
        """Construct the optimizers and schedulers of the config."""
        if self.config["optimizers"]:
            named = make_named_optimizers(self.model, self.config, self.total_steps)
            self.named = NamedOptimizerLoop(named, self.model_name)
            if self._named_state is not None:
                self.named.load(self._named_state)
            made = self.named.lightning()
            self.kept.compare_optimizers(
                [one["optimizer"] for one in made],
                [one["lr_scheduler"] for one in made if "lr_scheduler" in one],
            )
            return made
        optimizer, self._scheduler = make_single_optimizer(
            self.model, self.config, self.total_steps
        )
        schedulers = [self._scheduler.scheduler] if self._scheduler else []
        self.kept.compare_optimizers([optimizer], schedulers)
        if self._scheduler is None:
            return optimizer
        return {"optimizer": optimizer, "lr_scheduler": self._scheduler.lightning()}

    def total_steps(self, per_step: int, every: int | None = None) -> int:
        """Return the steps of an optimizer that takes ``per_step`` batches for each; or -1."""
        trainer, loader = self.trainer, self.loader("train")
        try:
            batches = count_batches(trainer) if loader is None else len(loader)
        except (TypeError, NotImplementedError):  # a loader of the recipe without a length
            return trainer.max_steps
        limits = trainer.limit_train_batches, trainer.max_epochs, trainer.max_steps
        return count_steps(batches, *limits, per_step, every)

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """Step, then update the moving average."""
        super().optimizer_step(*args, **kwargs)
        if self.kept.average is not None:
            self.kept.average.update()

    def on_before_optimizer_step(self, _optimizer: Any) -> None:
        """Keep the weights unchanged when no batch of this step had a finite loss."""
        if self.automatic_optimization:
            self.nan_policy.before_step(self.model)

    def configure_gradient_clipping(
        self,
        optimizer: Any,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clip, and keep the norm for the logs where torch's own function returns it.

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
        norm = self.kept.grad_norm = nn.utils.clip_grad_norm_(parameters, gradient_clip_val)
        self.nan_policy.check_gradients(norm, parameters)

    def _has_plain_gradients(self) -> bool:
        """Whether every rank holds all gradients, unscaled."""
        trainer = self.trainer
        plain = isinstance(trainer.strategy, (SingleDeviceStrategy, DDPStrategy))
        return plain and getattr(trainer.precision_plugin, "scaler", None) is None

    # Epochs and resuming.

    def on_train_start(self) -> None:
        """Go on where the checkpoint was written."""
        if self._own_loaders is not None:
            self._own_loaders.skip_done(self.trainer)
        scheduler = getattr(self._scheduler, "scheduler", None)
        ends = getattr(scheduler, "total_steps", None)
        if self.kept.saved_optimizers is not None and ends is not None:
            check_schedule(ends, self.total_steps(self.trainer.accumulate_grad_batches))
        self.kept.start(self.trainer)

    def on_train_epoch_start(self) -> None:
        """Seed the generators, and with them the order of the epoch."""
        kept = self.kept
        kept.start_epoch(self.trainer)
        fetcher = self.trainer.fit_loop._data_fetcher  # noqa: SLF001
        if self._own_loaders is not None:
            self._own_loaders.begin_epoch(self.trainer)
        elif kept.starts_epoch and fetcher and math.isinf(self.trainer.num_training_batches):
            iter(fetcher)  # resumed, it took the first batch before the seed
        kept.starts_epoch = False

    def lr_scheduler_step(self, scheduler: Any, metric: Any) -> None:
        """Skip plateau schedulers: they move at the end of the epoch, before its checkpoint."""
        if not isinstance(scheduler, ReduceLROnPlateau):
            super().lr_scheduler_step(scheduler, metric)

    def on_train_epoch_end(self) -> None:
        """Move the schedulers that watch a value, and those of named optimizers."""
        check_train_epoch(self.trainer)
        measured = self.kept.measurements
        fresh = {name: measured.latest[name] for name in measured.fresh}
        if self.named is not None:
            self.named.end_epoch(fresh, measured.latest.keys())
        elif self._scheduler is not None:
            step_plateau(self._scheduler, fresh, measured.latest.keys())
        measured.fresh = set()
        self.kept.end_epoch(self.trainer)

    def on_validation_start(self) -> None:
        """Validate with the averaged weights."""
        self.kept.swap_average()

    def on_validation_epoch_end(self) -> None:
        """Refuse means over a part of the validation set."""
        check_validation(self.trainer)

    def on_validation_end(self) -> None:
        """Continue to train with the weights themselves."""
        self.kept.swap_average()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the state that Lightning does not keep, as plain values."""
        named = None if self.named is None else self.named.state()
        checkpoint[STATE_KEY] = {**self.kept.save(self.trainer), "named": named}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Continue from a checkpoint; called before the optimizers are constructed."""
        state = checkpoint.get(STATE_KEY)
        if state is not None:
            self.kept.load(self.trainer, state)
            self._named_state = state["named"]
