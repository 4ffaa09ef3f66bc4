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
from espnet3_runtime.training.measurements import latest_values, read_value
from espnet3_runtime.training.module import TrainingModule

LINE_EVERY = 60.0
"""Seconds between lines within an epoch."""

NOTE_EVERY = 0.5
"""Seconds between updates of the numbers behind a bar; each waits for the device."""


class ProgressCallback(pl.Callback):
    """Closes the means of every epoch and shows them; the first of the callbacks.

    Args:
        curves: Path of ``curves.jsonl``; None on ranks other than 0.
        progress: Makes bars.
        say: Prints a line on the console and into the log; does nothing on other ranks.
        on_start: Called when training starts.
        monitors: Values of validation that something watches, and the key that says so.
    """

    def __init__(
        self,
        curves: Path | None,
        progress: Progress,
        say: Callable[[str], None],
        on_start: Callable[[], None],
        monitors: Mapping[str, str],
    ) -> None:
        self._path = curves
        self._curves: Curves | None = None
        self._progress = progress
        self._say = say
        self._on_start = on_start
        self._monitors = dict(monitors)
        self._bar: Bar | None = None
        self._open: AbstractContextManager[Bar] | None = None
        self._began = self._noted = time.monotonic()
        self._every = 0
        self._whole = True

    # Lightning's hooks.

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Open the curves; a resumed training drops what it will measure again."""
        assert isinstance(pl_module, TrainingModule)
        resumed = trainer.global_step or pl_module.clock.epoch or None
        self._whole = not pl_module.clock.skip
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
        assert isinstance(pl_module, TrainingModule)
        if self._bar is None:  # resumed in the middle of an epoch
            self._start_bar(trainer)
        assert self._bar is not None
        self._bar.advance()
        index = trainer.fit_loop.epoch_loop.batch_idx + 1
        if self._every and index % (self._every * trainer.accumulate_grad_batches) == 0:
            self._log_step(trainer, pl_module)
        now = time.monotonic()
        if now - self._noted >= NOTE_EVERY:
            self._noted = now
            if "loss" in pl_module.measurements.step:
                self._bar.note(f"loss {float(pl_module.measurements.step['loss']):.4g}")

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Close the means of validation."""
        assert isinstance(pl_module, TrainingModule)
        values = pl_module.measurements.close("valid", record=not trainer.sanity_checking)
        pl_module.log_dict(values)
        if not trainer.sanity_checking and self._curves is not None:
            self._curves.add("epoch", trainer.current_epoch + 1, trainer.global_step, values)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Find misspelt monitors, in the sanity check already."""
        assert isinstance(pl_module, TrainingModule)
        for monitor, where in self._monitors.items():
            read_value(latest_values(trainer, pl_module.measurements), monitor, where)
        self._monitors = {}

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Close the means of training and print the epoch's line."""
        assert isinstance(pl_module, TrainingModule)
        values = pl_module.measurements.close("train")
        pl_module.log_dict(values)
        epoch = trainer.current_epoch + 1
        if self._curves is not None:
            rates = _learning_rates(trainer)
            self._curves.add("epoch", epoch, trainer.global_step, {**values, **rates})
        self._close_bar()
        self._say(self._line(trainer, pl_module))

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

    def _log_step(self, trainer: pl.Trainer, module: TrainingModule) -> None:
        numbers = dict(module.measurements.step)
        if module.grad_norm is not None:
            numbers["grad_norm"] = module.grad_norm
        values = {f"train/{name}": float(value) for name, value in numbers.items()}
        values |= _learning_rates(trainer)
        for logger in trainer.loggers:
            shown = {name.replace("train/", "train_step/"): v for name, v in values.items()}
            logger.log_metrics(shown, step=trainer.global_step)
        if self._curves is not None:
            epoch = trainer.current_epoch + 1
            self._curves.add("step", epoch, trainer.global_step, values)

    def _line(self, trainer: pl.Trainer, module: TrainingModule) -> str:
        limit = trainer.max_epochs if trainer.max_epochs and trainer.max_epochs > 0 else None
        epoch = f"epoch {trainer.current_epoch + 1}" + (f"/{limit}" if limit else "")
        latest = {name: module.measurements.latest[name] for name in module.measurements.fresh}
        parts = [f"{name} {latest[name]:.4g}" for name in _order_names(latest)]
        skipped = module.nan_policy.end_epoch(whole=self._whole)
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
        done = done if done < (total or 0) else 0
        if self._path is not None and not sys.stderr.isatty():
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
