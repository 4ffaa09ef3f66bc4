"""Keeps the best checkpoints by every criterion, and the last one for resuming."""

import math
import re
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import astuple, dataclass, replace
from logging import Logger
from pathlib import Path
from typing import Any, cast

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Checkpoint, WeightAveraging

from espnet3_runtime.errors import Stopped, UserError
from espnet3_runtime.training.checkpoint_files import (
    LAST,
    average,
    link,
    save_everything,
    save_weights,
)
from espnet3_runtime.training.lightning_code.plain_state import drop_objects
from espnet3_runtime.training.lightning_code.state import TrainingState
from espnet3_runtime.training.loaders import has_validation
from espnet3_runtime.training.measurements import latest_values, read_value
from espnet3_runtime.weights import read_torch

WHERE = "training.best_model_criterion"
ASK_EVERY = 50
"""With several ranks, after how many batches they agree on whether to stop."""


@dataclass(frozen=True)
class Criterion:
    """Which checkpoints are best: the value watched, how many are kept, and ``min`` or ``max``."""

    monitor: str
    count: int
    mode: str

    @property
    def file_slug(self) -> str:
        """The monitor as part of a file name."""
        return self.monitor.replace("/", ".")

    def rank(self, kept: Sequence["KeptCheckpoint"]) -> list["KeptCheckpoint"]:
        """Return the best, best first; of equals the earlier one."""
        sign = 1 if self.mode == "min" else -1
        return sorted(kept, key=lambda one: (sign * one.value, one.step))[: self.count]


@dataclass(frozen=True)
class KeptCheckpoint:
    """A checkpoint on disk."""

    value: float
    epoch: int
    step: int
    file: str


def read_criteria(config: Mapping[str, Any], *, validates: bool | None = None) -> list[Criterion]:
    """Return the criteria of a training config.

    Without validation, the same values of training replace those of validation.  Whether there is
    one is a matter of the config unless given.
    """
    criteria = [Criterion(*item) for item in config["best_model_criterion"]]
    if not (has_validation(config) if validates is None else validates):
        criteria = [
            replace(one, monitor=re.sub("^valid/", "train/", one.monitor)) for one in criteria
        ]
    return list(dict.fromkeys(criteria))


class Checkpoints(Checkpoint):
    """Writes checkpoints: the best after each validation, then the last at the end of each epoch.

    The best hold weights only (the moving average's, when there is one).  Files that are no longer
    among the best are removed once a ``last.ckpt`` without them is written; a kill at any moment
    leaves a directory that can be resumed.

    Args:
        directory: Where the files go.
        criteria: Which are best; ``best.ckpt`` follows the first.
        kept_state: The state of the training, with its measured values.
        stop_requested: Polled at every step; the state is saved before :class:`Stopped` is raised.
        log: Gets a warning about a value that is not finite.
    """

    def __init__(
        self,
        directory: Path,
        criteria: Sequence[Criterion],
        kept_state: TrainingState,
        stop_requested: Any,
        log: Logger,
    ) -> None:
        super().__init__()
        self._state = kept_state
        self.directory = directory
        self.criteria = tuple(criteria)
        self.kept: dict[Criterion, list[KeptCheckpoint]] = {one: [] for one in criteria}
        self._stop_requested = stop_requested
        self._log = log
        self._saves_last = self._has_saved = False

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write the weights if they are among the best by a value of validation."""
        del pl_module
        if not trainer.sanity_checking:
            self._keep_best(trainer, of_training=False)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write the best by values of training, then the last, then tidy up."""
        del pl_module
        self._keep_best(trainer, of_training=True)
        self.save_last(trainer)
        if self._is_stop_agreed(trainer):
            raise Stopped

    def on_train_batch_end(
        self, trainer: pl.Trainer, _module: pl.LightningModule, *_args: Any
    ) -> None:
        """Save and stop in the middle of an epoch when asked to, at the end of a step."""
        self._validate_at_end(trainer)
        if trainer.world_size == 1 and not self._stop_requested():
            return
        index = trainer.fit_loop.epoch_loop.batch_idx
        asking = trainer.world_size == 1 or (index + 1) % ASK_EVERY == 0
        if asking and self._is_stop_agreed(trainer) and self._between_steps(trainer, index):
            self.save_last(trainer)
            raise Stopped

    def state_dict(self) -> dict[str, Any]:
        """Return the kept checkpoints as plain values."""
        kept = self.kept.items()
        return {
            "kept": [[list(astuple(one)), [vars(file) for file in files]] for one, files in kept]
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue with the kept checkpoints that are still on disk."""
        for values, files in state_dict["kept"]:
            criterion = Criterion(*values)
            found = [KeptCheckpoint(**one) for one in files]
            if criterion in self.kept:
                there = [one for one in found if (self.directory / one.file).is_file()]
                self.kept[criterion] = there

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Keep objects out of ``last.ckpt``; other files are those of the recipe's callbacks.

        Args:
            trainer: Lightning's trainer, not used.
            pl_module: The module that is trained, not used.
            checkpoint: What is written.
        """
        del trainer, pl_module
        if self._saves_last:
            drop_objects(checkpoint)

    def save_last(self, trainer: pl.Trainer) -> None:
        """Write ``last.ckpt`` and remove the files that are no longer among the best."""
        self._saves_last = True
        save_everything(trainer, self.directory / LAST)
        self._saves_last = False
        if trainer.is_global_zero:
            self._tidy()
            self._warn_of_objects()

    def _warn_of_objects(self) -> None:
        """Say after the first ``last.ckpt`` that a training could not go on from it."""
        last, seen, self._has_saved = self.directory / LAST, self._has_saved, True
        if seen or not last.is_file():
            return
        try:
            read_torch(last, mmap=True)
        except UserError as error:
            self._log.warning(
                "a training that is cut could not go on: %s; write plain data in on_save_checkpoint"
                " and state_dict of the module, the data module and callbacks",
                error.message,
            )

    def finish(self, *, averages: bool) -> dict[str, Path]:
        """Write the mean of the best files, now that all are on disk.

        Raises:
            UserError: The first criterion never had a finite value.
        """
        self._tidy()
        best = self.directory / "best.ckpt"
        outputs = {"last_checkpoint": self.directory / LAST}
        for index, criterion in enumerate(self.criteria):
            kept = self.kept[criterion]
            if not kept:
                problem = f'"{criterion.monitor}" was never measured, or never a finite number'
                raise UserError(f"no checkpoint is best: {problem}", where=WHERE)
            if index == 0:
                link(self.directory / kept[0].file, best)
                outputs["best_checkpoint"] = best
            if averages:
                slug = criterion.file_slug
                if criterion.monitor in [one.monitor for one in self.criteria[:index]]:
                    slug += f".{criterion.mode}{criterion.count}"
                name = "averaged.ckpt" if index == 0 else f"averaged_{slug}.ckpt"
                average([self.directory / one.file for one in kept], self.directory / name)
                outputs.setdefault("averaged_checkpoint", self.directory / name)
        return outputs

    def _keep_best(self, trainer: pl.Trainer, *, of_training: bool) -> None:
        kept, state = self._state, None
        for index, criterion in enumerate(self.criteria):
            if not self._is_due(criterion.monitor, of_training=of_training):
                continue
            measured = latest_values(trainer, kept.measurements)
            value = read_value(measured, criterion.monitor, WHERE, logged=kept.own_steps)
            if kept.own_steps:  # it may log each rank's own value, and all have to decide alike
                value = trainer.strategy.broadcast(value)
            epoch, step = trainer.current_epoch + 1, trainer.global_step
            file = f"epoch{epoch}_step{step}_{criterion.file_slug}.ckpt"
            new = KeptCheckpoint(value, epoch, step, file)
            ranked = criterion.rank([*self.kept[criterion], new])
            if not math.isfinite(value):
                self._log.warning("%s is %s after epoch %d", criterion.monitor, value, epoch)
            elif new in ranked:
                state = state or _gather_weights(trainer, kept)
                self.kept[criterion] = ranked
                if trainer.is_global_zero:
                    path, facts = self.directory / file, {"epoch": epoch, "global_step": step}
                    save_weights(path, state, **facts, monitor=criterion.monitor, value=value)
                    if index == 0 and ranked[0] == new:
                        link(path, self.directory / "best.ckpt")

    def _is_due(self, monitor: str, *, of_training: bool) -> bool:
        """Return whether a value is one of those that were just measured."""
        if not self._state.own_steps:
            return monitor.startswith("train/") == of_training
        measured = self._state.measurements
        if monitor in measured.validated or not of_training:
            return not of_training and monitor in measured.fresh & measured.validated
        waits = self._state.validates and not self._state.has_validated
        return monitor in measured.fresh or not (waits or monitor in measured.latest)

    def _validate_at_end(self, trainer: pl.Trainer) -> None:
        """Let validation run after the last batch of a training that ends between validations.

        It does when ``max_steps`` or ``max_time`` ends it, and when nothing was ever validated.
        """
        loop, measured = trainer.fit_loop.epoch_loop, self._state.measurements
        steps_done = -1 < trainer.max_steps <= trainer.global_step
        epochs_done = loop.batch_progress.is_last_batch and (
            trainer.current_epoch + 1 == trainer.max_epochs
        )
        never = not measured.validated & measured.latest.keys()
        if steps_done or (epochs_done and never and self._state.validates):
            trainer.check_val_every_n_epoch, trainer.val_check_batch = 1, loop.batch_idx + 1
            vars(trainer)["_val_check_time_interval"] = None  # it would wait longer
        elif trainer.should_stop and trainer.check_val_every_n_epoch:
            trainer.check_val_every_n_epoch = 1

    def _tidy(self) -> None:
        wanted = {one.file for kept in self.kept.values() for one in kept}
        for path in self.directory.glob("epoch*_step*_*.ckpt"):
            if path.name not in wanted:
                path.unlink(missing_ok=True)

    def _is_stop_agreed(self, trainer: pl.Trainer) -> bool:
        """Return whether any rank was asked to stop; the same on all ranks."""
        requested = bool(self._stop_requested())
        return bool(trainer.strategy.reduce_boolean_decision(requested, all=False))

    def _between_steps(self, trainer: pl.Trainer, index: int) -> bool:
        """Return whether neither gradients, a validation nor the end of the epoch are pending."""
        done, validation = index + 1, trainer.val_check_batch
        validates = isinstance(validation, int) and done % validation == 0
        accumulates = done % trainer.accumulate_grad_batches != 0
        last = trainer.fit_loop.epoch_loop.batch_progress.is_last_batch or (
            done >= trainer.num_training_batches  # infinite for loaders without a length
        )
        return not (validates or accumulates or last)


def _gather_weights(trainer: pl.Trainer, kept: TrainingState) -> Mapping[str, Any]:
    """Return the weights under the model's names; every rank calls this."""
    with nullcontext() if kept.average is None else kept.average.apply_average():
        state: Mapping[str, Any] = trainer.strategy.lightning_module_state_dict()
        if kept.average is not None:  # the weights return at the end of the block
            state = {name: value.clone() for name, value in state.items()}
    state = _replace_by_average(trainer, state)
    wrapped = not kept.own_steps and all(name.startswith("model.") for name in state)
    if wrapped and not kept.model.state_dict().keys() & state.keys():
        state = {name.removeprefix("model."): value for name, value in state.items()}
    return state


def _replace_by_average(trainer: pl.Trainer, state: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the weights that a callback of Lightning averages; without one those given."""
    checkpoint: dict[str, Any] = {"state_dict": state}
    for callback in averaging_callbacks(trainer):
        callback.on_save_checkpoint(trainer, trainer.lightning_module, checkpoint)
    return cast("Mapping[str, Any]", checkpoint["state_dict"])


def averaging_callbacks(trainer: pl.Trainer) -> list[WeightAveraging]:
    """Return the callbacks that keep an average of the weights and validate with it."""
    return [one for one in cast("Any", trainer).callbacks if isinstance(one, WeightAveraging)]


def check_averages(trainer: pl.Trainer, config: Mapping[str, Any], *, own_steps: bool) -> None:
    """Check that at most one average of the weights is kept, and one that can be resumed.

    Args:
        trainer: Lightning's trainer with its callbacks.
        config: The training config.
        own_steps: Whether the model is a ``LightningModule``; the weights of a bare one have other
            names in a checkpoint than in the average that the callback would go on with.

    Raises:
        UserError: A callback averages a bare model, or there is an average beside it.
    """
    names = [type(one).__name__ for one in averaging_callbacks(trainer)]
    where = "training.trainer.callbacks"
    if names and not own_steps:
        problem = f"{names[0]} averages the weights of a LightningModule"
        raise UserError(problem, where=where, hint="write ema: {decay: 0.999} in its place")
    if names and len(names) + (config["ema"] is not None) > 1:
        problem = f"{names[-1]} is not the only average of the weights"
        raise UserError(problem, where=where, hint="keep one such callback, or ema")
