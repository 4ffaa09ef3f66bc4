"""What a full checkpoint keeps beside Lightning's state, so that a resumed training is the same."""

from collections.abc import Mapping
from typing import Any, Protocol

import lightning.pytorch as pl

from espnet3_runtime.data.sampler import Clock, read_generators
from espnet3_runtime.training.ema import MovingAverage
from espnet3_runtime.training.measurements import Measurements
from espnet3_runtime.training.named_optimizers import NamedOptimizerLoop

KEY = "espnet3"
"""Where a checkpoint keeps it."""


class Resumable(Protocol):
    """The parts of a training that are saved; see ``TrainingModule`` for their meaning."""

    clock: Clock
    numbers: Measurements
    average: MovingAverage | None
    named: NamedOptimizerLoop | None
    named_state: dict[str, dict[str, int]] | None
    generators: dict[str, Any] | None

    @property
    def trainer(self) -> pl.Trainer:
        """The trainer that runs it."""


def save_state(module: Resumable) -> dict[str, Any]:
    """Return position, generators, running means, moving average and counters as plain values.

    The generators matter in the middle of an epoch only; each epoch seeds them anew.
    """
    epoch, done = _resume_position(module)
    numbers = module.numbers
    return {
        "seed": module.clock.seed,
        "epoch": epoch,
        "batches": done,
        "generators": read_generators() if done else None,
        "means": {split: means.state() for split, means in numbers.means.items()},
        "latest": dict(numbers.latest),
        "fresh": sorted(numbers.fresh),
        "average": None if module.average is None else module.average.state(),
        "ended": bool(module.trainer.should_stop),
        "named": None if module.named is None else module.named.state(),
    }


def load_state(module: Resumable, state: Mapping[str, Any]) -> None:
    """Go on from a saved state; before the optimizers are constructed."""
    module.clock.seed = state["seed"]
    module.clock.epoch, module.clock.skip = state["epoch"], state["batches"]
    module.generators = state["generators"]
    for split, means in state["means"].items():
        module.numbers.means[split].load(means)
    module.numbers.latest = dict(state["latest"])
    module.numbers.fresh = set(state["fresh"])
    if module.average is not None and state["average"] is not None:
        module.average.load(state["average"])
    module.named_state = state["named"]
    module.trainer.should_stop = state["ended"]  # early stopping may have had its say


def _resume_position(module: Resumable) -> tuple[int, int]:
    """Return the epoch to go on with, and how many of its batches are done."""
    loop = module.trainer.fit_loop
    progress: Any = loop.epoch_progress.current
    if progress.processed > progress.completed:  # an epoch has just ended
        return progress.processed, 0
    return progress.processed, int(loop.epoch_loop.batch_progress.current.ready)
