"""What a person sees of a training: a bar or a line for each epoch, curves, loggers."""

import sys
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import lightning.pytorch as pl

from espnet3_runtime.process.progress import Lines
from espnet3_runtime.stage import Bar, Progress
from espnet3_runtime.training.curves import Curves
from espnet3_runtime.training.lightning_code.state import TrainingState
from espnet3_runtime.training.measurements import latest_values, logged_values, read_value
from espnet3_schemas.terminal import moves_cursor

LINE_EVERY = 60.0
"""Seconds between lines within an epoch."""

NOTE_EVERY = 0.5
"""Seconds between updates of the numbers behind a bar; each waits for the device."""


class ProgressCallback(pl.Callback):
    """Closes the means of every epoch and shows them; the first of the callbacks.

    A ``LightningModule`` logs its values itself; they are shown when
    :meth:`finish_split` is called with them.

    Args:
        kept: The state of the training, with its measured values.
        curves: Path of ``curves.jsonl``; None on ranks other than 0.
        progress: Makes bars.
        say: Prints a line on the console and into the log; does nothing on other ranks.
        on_start: Called when training starts.
        monitors: Values of validation that something watches, and the key that says so.
        on_epoch: Called when the values of an epoch have been written.
    """

    def __init__(
        self,
        kept: TrainingState,
        curves: Path | None,
        progress: Progress,
        say: Callable[[str], None],
        on_start: Callable[[], None],
        monitors: Mapping[str, str],
        on_epoch: Callable[[], None] = lambda: None,
    ) -> None:
        self._kept = kept
        self._path = curves
        self._curves: Curves | None = None
        self._progress = progress
        self._say = say
        self._on_start = on_start
        self._monitors = dict(monitors)
        self._on_epoch = on_epoch
        self._bar: Bar | None = None
        self._open: AbstractContextManager[Bar] | None = None
        self._began = self._noted = time.monotonic()
        self._every = 0
        self._whole = True

    # Lightning's hooks.

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Open the curves; a resumed training drops what it will measure again."""
        del pl_module
        resumed = trainer.global_step or self._kept.clock.epoch or None
        self._whole = not self._kept.clock.skip
        if self._path is not None:
            self._curves = Curves(self._path, resumed and trainer.global_step)
        self._every = getattr(trainer, "log_every_n_steps", 0) or 0
        self._on_start()

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the bar of an epoch."""
        del pl_module
        self._start_bar(trainer)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_args: Any
    ) -> None:
        """Move the bar; at every so many steps, log the numbers of the batch."""
        del pl_module
        if (
            self._bar is None and trainer.progress_bar_callback is None
        ):  # resumed in the middle of an epoch
            self._start_bar(trainer)
        if self._bar is not None:
            self._bar.advance()
        index = trainer.fit_loop.epoch_loop.batch_idx + 1
        if self._every and index % (self._every * trainer.accumulate_grad_batches) == 0:
            self._log_step(trainer)
        now = time.monotonic()
        if self._bar is not None and now - self._noted >= NOTE_EVERY:
            self._noted = now
            self._note_loss(trainer)

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Close the means of validation."""
        if not self._kept.own_steps:
            values = self._kept.measurements.close("valid", record=not trainer.sanity_checking)
            pl_module.log_dict(values)
            if not trainer.sanity_checking:
                self.finish_split("valid", trainer, values)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Find misspelt monitors, in the sanity check already."""
        del pl_module
        if not self._kept.own_steps:
            self._check_monitors(trainer)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Close the means of training and print the epoch's line."""
        if not self._kept.own_steps:
            values = self._kept.measurements.close("train")
            pl_module.log_dict(values)
            self.finish_split("train", trainer, values)

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        """Leave the terminal tidy.

        Args:
            trainer: Lightning's trainer, not used.
            pl_module: The module that is trained, not used.
            exception: What ended the training, not used.
        """
        del trainer, pl_module, exception
        self.close()

    def close(self) -> None:
        """Close the bar and the curves."""
        self._close_bar()
        if self._curves is not None:
            self._curves.close()

    # What they do.

    def finish_split(self, split: str, trainer: pl.Trainer, values: Mapping[str, float]) -> None:
        """Write the values of an ended epoch or validation into the curves; print the epoch's line.

        Args:
            split: ``train`` or ``valid``.
            trainer: Lightning's trainer.
            values: By name.
        """
        rates = _learning_rates(trainer) if split == "train" else {}
        if self._curves is not None:
            epoch = trainer.current_epoch + 1
            self._curves.add("epoch", epoch, trainer.global_step, {**values, **rates})
        if split == "train":
            self._close_bar()
            self._say(self._line(trainer))
            if self._path is not None:
                self._on_epoch()
            if self._kept.own_steps:  # only now all of its values are known
                self._check_monitors(trainer)

    def _check_monitors(self, trainer: pl.Trainer) -> None:
        logged = self._kept.own_steps
        if logged and self._kept.validates and not self._kept.has_validated:
            return  # validation comes in a later epoch
        for monitor, where in self._monitors.items():
            latest = latest_values(trainer, self._kept.measurements)
            read_value(latest, monitor, where, logged=logged)
        self._monitors = {}

    def _note_loss(self, trainer: pl.Trainer) -> None:
        assert self._bar is not None
        own = self._kept.own_steps
        step = logged_values(trainer) if own else self._kept.measurements.step
        for name in [name for name in step if name == "loss" or (own and "loss" in name)][:1]:
            self._bar.note(f"{name} {float(step[name]):.4g}")

    def _log_step(self, trainer: pl.Trainer) -> None:
        values = logged_values(trainer) if self._kept.own_steps else self._measured_step()
        rates = _learning_rates(trainer)
        for logger in () if self._kept.own_steps else trainer.loggers:
            shown = {name.replace("train/", "train_step/"): v for name, v in values.items()}
            logger.log_metrics({**shown, **rates}, step=trainer.global_step)
        if self._curves is not None:
            epoch = trainer.current_epoch + 1
            self._curves.add("step", epoch, trainer.global_step, {**values, **rates})

    def _measured_step(self) -> dict[str, float]:
        numbers = dict(self._kept.measurements.step)
        if self._kept.grad_norm is not None:
            numbers["grad_norm"] = self._kept.grad_norm
        return {f"train/{name}": float(value) for name, value in numbers.items()}

    def _line(self, trainer: pl.Trainer) -> str:
        limit = trainer.max_epochs if trainer.max_epochs and trainer.max_epochs > 0 else None
        epoch = f"epoch {trainer.current_epoch + 1}" + (f"/{limit}" if limit else "")
        measured, policy = self._kept.measurements, self._kept.nan_policy
        latest = {name: measured.latest[name] for name in measured.fresh}
        shown = _chosen_names(latest, trainer) if self._kept.own_steps else _order_names(latest)
        parts = [f"{name} {latest[name]:.4g}" for name in shown]
        skipped = policy.end_epoch(whole=self._whole) if policy else 0
        self._whole = True
        parts += [f"{skipped} batches skipped (not finite)"] if skipped else []
        return "  ".join([epoch, *parts, f"{time.monotonic() - self._began:.1f} s"])

    def _start_bar(self, trainer: pl.Trainer) -> None:
        self._close_bar()
        limit = trainer.max_epochs if trainer.max_epochs and trainer.max_epochs > 0 else None
        description = f"epoch {trainer.current_epoch + 1}" + (f"/{limit}" if limit else "")
        batches = trainer.num_training_batches
        total = None if batches == float("inf") else int(batches)
        done = max(trainer.fit_loop.epoch_loop.batch_progress.current.completed, 0)
        self._began = self._noted = time.monotonic()
        if trainer.progress_bar_callback is not None:
            return  # the recipe has a bar of Lightning's
        done = done if done < (total or 0) else 0
        if self._path is not None and not moves_cursor(sys.stderr):
            self._bar = Lines(self._say, description, total, done, LINE_EVERY, part=0)
        else:
            self._open = self._progress(description, total)
            self._bar = self._open.__enter__()
            if done:
                self._bar.advance(done)

    def _close_bar(self) -> None:
        if self._open is not None:
            self._open.__exit__(None, None, None)
        self._open = self._bar = None


def _learning_rates(trainer: pl.Trainer) -> dict[str, float]:
    rates = [float(one.param_groups[0]["lr"]) for one in trainer.optimizers]
    if len(rates) == 1:
        return {"lr": rates[0]}
    return {f"lr/{index}": rate for index, rate in enumerate(rates)}


def _order_names(latest: Mapping[str, float]) -> list[str]:
    """Return the names for a line: losses first, then the other numbers of validation."""
    losses = [name for name in ("train/loss", "valid/loss") if name in latest]
    others = [name for name in latest if name.startswith("valid/") and name not in losses]
    return losses + sorted(others)


def _chosen_names(latest: Mapping[str, float], trainer: pl.Trainer) -> list[str]:
    """Return the names that a module logs for the progress bar, otherwise all of them."""
    shown = trainer.progress_bar_metrics
    chosen = [name for name in latest if name in shown or f"{name}_epoch" in shown]
    return sorted(chosen or latest, key=lambda name: ("loss" not in name, name))
