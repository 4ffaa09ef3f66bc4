"""What a bare model's module does around its steps, done around those of a ``LightningModule``."""

import math
from collections.abc import Callable
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Checkpoint

from espnet3_runtime.training.lightning_code.data import OwnLoaders, restart_epoch
from espnet3_runtime.training.lightning_code.logged_sums import Sums, add_sums, read_sums
from espnet3_runtime.training.lightning_code.state import STATE_KEY, TrainingState
from espnet3_runtime.training.loaders import check_train_epoch, check_validation
from espnet3_runtime.training.measurements import logged_values

Finish = Callable[[str, pl.Trainer, dict[str, float]], None]
"""Is told the split that ended (``train`` or ``valid``), the trainer, and the values by name."""


class OwnStepsCallback(Checkpoint):
    """Seeds, measures, averages and saves the state of a training of a ``LightningModule``.

    It is a ``Checkpoint`` because Lightning calls these last at the end of an epoch, when the
    module's own hooks have logged their values.

    Args:
        kept: The state of the training.
        own_loaders: Keeps the order of loaders that are not the runtime's; None where they are.
        finish: Shows the values of a split.
    """

    def __init__(self, kept: TrainingState, own_loaders: OwnLoaders | None, finish: Finish) -> None:
        super().__init__()
        self._kept = kept
        self._own_loaders = own_loaders
        self._finish = finish
        self._steps = 0
        self._sums: Sums = {}  # of a resumed epoch, until its values are logged again

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Add the state that Lightning does not keep.

        Args:
            trainer: Lightning's trainer.
            pl_module: The module, not used.
            checkpoint: Gets the state.
        """
        del pl_module
        state = self._kept.save(trainer)
        sums = {**read_sums(trainer), **self._sums} if state["batches"] else {}
        checkpoint[STATE_KEY] = {**state, "sums": sums}

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Continue from a checkpoint; one of another program has no such state.

        Args:
            trainer: Lightning's trainer.
            pl_module: The module, not used.
            checkpoint: Holds the state.
        """
        del pl_module
        if STATE_KEY in checkpoint:
            self._kept.load(trainer, checkpoint[STATE_KEY])
            if trainer.world_size == 1:  # the checkpoint holds those of rank 0 only
                self._sums = checkpoint[STATE_KEY].get("sums", {})

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Begin the average, now that the layers are there, and compare the optimizers."""
        del pl_module
        self._kept.start_average()
        schedulers = [one.scheduler for one in trainer.lr_scheduler_configs]
        self._kept.compare_optimizers(trainer.optimizers, schedulers)
        if self._own_loaders is not None:
            self._own_loaders.seed_order(trainer)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Go on where the checkpoint was written."""
        del pl_module
        if self._own_loaders is not None:
            self._own_loaders.skip_done(trainer)
        self._kept.start(trainer)
        self._steps = trainer.global_step

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Seed the generators, and with them the order of the epoch."""
        del pl_module
        self._kept.start_epoch(trainer)
        if self._own_loaders is not None:
            self._own_loaders.begin_epoch(trainer)
        elif self._kept.starts_epoch and math.isinf(trainer.num_training_batches):
            restart_epoch(trainer)
        self._kept.starts_epoch = False
        self._kept.measurements.fresh = set()

    def on_train_batch_end(
        self, trainer: pl.Trainer, _module: pl.LightningModule, *_args: Any
    ) -> None:
        """Move the average once the optimizers of a batch have stepped."""
        if self._sums:
            self._sums = add_sums(trainer, self._sums)
        stepped, self._steps = trainer.global_step != self._steps, trainer.global_step
        if stepped and self._kept.average is not None:
            self._kept.average.update()

    def on_validation_start(self, _trainer: pl.Trainer, _module: pl.LightningModule) -> None:
        """Validate with the averaged weights."""
        self._kept.swap_average()

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Continue to train with the weights themselves, and take what was logged."""
        del pl_module
        self._kept.swap_average()
        check_validation(trainer)
        values, measured = logged_values(trainer), self._kept.measurements
        measured.validated |= values.keys()
        if not trainer.sanity_checking:
            self._kept.has_validated = True
            measured.record(values)
            self._finish("valid", trainer, values)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Take what was logged of the epoch, and check the weights."""
        del pl_module
        self._sums = {}
        check_train_epoch(trainer)
        values, measured = logged_values(trainer), self._kept.measurements
        measured.record(values)
        self._finish("train", trainer, values)
        self._kept.end_epoch(trainer)
