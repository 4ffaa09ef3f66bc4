"""The sums behind the values of an epoch that a module logs, which Lightning does not keep."""

from collections.abc import Mapping
from typing import Any

import lightning.pytorch as pl

Sums = dict[str, list[float]]
"""By Lightning's key of a logged value: its sum (or least, or most), and of how many items."""


def read_sums(trainer: pl.Trainer) -> Sums:
    """Return the sums of the epoch of training that runs; of metric objects there are none."""
    sums = {}
    for key, metric in trainer.fit_loop.epoch_loop._results.items():  # noqa: SLF001
        if metric.is_tensor and metric.meta.on_epoch:
            items = getattr(metric, "cumulated_batch_size", 0)
            sums[key] = [float(metric.value), int(items)]
    return sums


def add_sums(trainer: pl.Trainer, saved: Mapping[str, list[float]]) -> Sums:
    """Add saved sums to the values that were logged since; return those that still wait.

    Call it after each batch of a resumed epoch, as a value is there from its first logging on.
    """
    results, waiting = trainer.fit_loop.epoch_loop._results, {}  # noqa: SLF001
    for key, (total, items) in saved.items():
        if key in results and results[key].is_tensor:
            _add_sum(results[key], total, items)
        else:
            waiting[key] = [total, items]
    return waiting


def _add_sum(metric: Any, total: float, items: float) -> None:
    before = metric.value.new_tensor(total)
    if metric.meta.is_max_reduction or metric.meta.is_min_reduction:
        metric.value = metric.meta.reduce_fx(before, metric.value)
        return
    metric.value = before + metric.value
    if metric.meta.is_mean_reduction:
        metric.cumulated_batch_size = metric.cumulated_batch_size + int(items)
