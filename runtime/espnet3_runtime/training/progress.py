"""Shows a training: a bar or a line for each epoch, the curves, the loggers."""

import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import lightning.pytorch as pl

from espnet3_runtime.stage import Bar, Progress
from espnet3_runtime.training.curves import Curves
from espnet3_runtime.training.measurements import latest_values, read_value
from espnet3_runtime.training.module import TrainingModule

LINE_EVERY = 60.0
"""Seconds between lines within an epoch, where there is no terminal."""
NOTE_EVERY = 0.5
"""Seconds between updates of the numbers behind a bar; each waits for the device."""


class ProgressCallback(pl.Callback):
    """Closes the means of every epoch and shows them; the first of the callbacks.

    Args:
        curves: Path of ``curves.jsonl``; None on ranks other than 0.
        progress: Makes bars.
        say: Prints a line on the console and into the log; does nothing on other ranks.
        on_start: Called when training starts.
        monitors: Watched values of validation, and the key path of the setting that names each.
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
        self._stack = ExitStack()  # closes the bar
        self._bar: Bar | None = None
        self._first_batch: int | None = None
        self._epoch_start = self._last_note = time.monotonic()
        self._every = 0

    # Lightning's hooks.

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Open the curves; a resumed training drops what it will measure again."""
        assert isinstance(pl_module, TrainingModule)
        resumed = trainer.global_step or pl_module.clock.epoch or None
        if self._path is not None:
            self._curves = Curves(self._path, resumed and trainer.global_step)
        self._every = getattr(trainer, "log_every_n_steps", 0) or 0
        self._on_start()

    def on_train_epoch_start(self, trainer: pl.Trainer, _module: pl.LightningModule) -> None:
        """Start the bar of an epoch."""
        self._start_epoch(trainer)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_args: Any
    ) -> None:
        """Move the bar; every ``log_every_n_steps`` steps, log the values of the batch."""
        assert isinstance(pl_module, TrainingModule)
        if self._first_batch is None:  # resumed in the middle of an epoch
            self._start_epoch(trainer)
        if self._bar is not None:
            self._bar.advance()
        index = trainer.fit_loop.epoch_loop.batch_idx + 1
        if self._every and index % (self._every * trainer.accumulate_grad_batches) == 0:
            self._log_step(trainer, pl_module)
        now, loss = time.monotonic(), pl_module.measurements.step.get("loss")
        if now - self._last_note >= (LINE_EVERY if self._bar is None else NOTE_EVERY):
            self._last_note = now
            note = [] if loss is None else [f"loss {float(loss):.4g}"]
            if self._bar is None:
                self._say(", ".join([*self._position(trainer, index), *note]))
            elif note:
                self._bar.note(note[0])

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
        self._say(self._epoch_line(trainer, pl_module))

    def on_exception(self, *_args: Any) -> None:
        """Leave the terminal tidy."""
        self.close()

    def close(self) -> None:
        """Close the bar and the curves."""
        self._close_bar()
        if self._curves is not None:
            self._curves.close()

    def _log_step(self, trainer: pl.Trainer, module: TrainingModule) -> None:
        latest = dict(module.measurements.step)
        if module.grad_norm is not None:
            latest["grad_norm"] = module.grad_norm
        values = {f"train/{name}": float(value) for name, value in latest.items()}
        values |= _learning_rates(trainer)
        for logger in trainer.loggers:
            shown = {name.replace("train/", "train_step/"): v for name, v in values.items()}
            logger.log_metrics(shown, step=trainer.global_step)
        if self._curves is not None:
            epoch = trainer.current_epoch + 1
            self._curves.add("step", epoch, trainer.global_step, values)

    def _epoch_line(self, trainer: pl.Trainer, module: TrainingModule) -> str:
        measured = {name: module.measurements.latest[name] for name in module.measurements.fresh}
        losses = [name for name in ("train/loss", "valid/loss") if name in measured]
        others = {name for name in measured if name.startswith("valid/")} - set(losses)
        parts = [f"{name} {measured[name]:.4g}" for name in losses + sorted(others)]
        skipped = module.nan_policy.take_skipped()
        parts += [f"{skipped} batches skipped (not finite)"] if skipped else []
        seconds = time.monotonic() - self._epoch_start
        return "  ".join([_describe_epoch(trainer), *parts, f"{seconds:.1f} s"])

    def _position(self, trainer: pl.Trainer, index: int) -> list[str]:
        total = _count_batches(trainer)
        rate = (index - (self._first_batch or 0)) / (time.monotonic() - self._epoch_start)
        of, left = (f"/{total}", [f"{(total - index) / rate:.0f} s left"]) if total else ("", [])
        return [f"{_describe_epoch(trainer)}: batch {index}{of}", f"{rate:.2g}/s", *left]

    def _start_epoch(self, trainer: pl.Trainer) -> None:
        self._close_bar()
        total = _count_batches(trainer)
        done = max(trainer.fit_loop.epoch_loop.batch_progress.current.completed, 0)
        self._first_batch = done if done < (total or 0) else 0
        self._epoch_start = self._last_note = time.monotonic()
        if self._path is not None and sys.stderr.isatty():
            self._bar = self._stack.enter_context(self._progress(_describe_epoch(trainer), total))
            self._bar.advance(self._first_batch)

    def _close_bar(self) -> None:
        self._stack.close()
        self._bar = self._first_batch = None


def _describe_epoch(trainer: pl.Trainer) -> str:
    limit = trainer.max_epochs if trainer.max_epochs and trainer.max_epochs > 0 else None
    return f"epoch {trainer.current_epoch + 1}" + (f"/{limit}" if limit else "")


def _count_batches(trainer: pl.Trainer) -> int | None:
    """Return the batches of an epoch; None where a loader has no length."""
    batches = trainer.num_training_batches
    return None if batches == float("inf") else int(batches)


def _learning_rates(trainer: pl.Trainer) -> dict[str, float]:
    rates = [float(one.param_groups[0]["lr"]) for one in trainer.optimizers]
    if len(rates) == 1:
        return {"lr": rates[0]}
    return {f"lr/{index}": rate for index, rate in enumerate(rates)}
