"""Optimizers and schedulers from a training config."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import ReduceLROnPlateau

from espnet3_runtime.build.instantiate import instantiate, parameters_of
from espnet3_runtime.errors import UserError
from espnet3_runtime.training.parameter_groups import assign_parameters
from espnet3_schemas import TARGET

MAX_EPOCHS = 100
"""After so many epochs a training ends when its config does not say when."""
CLIP_VALUE = 1.0
"""At which norm the gradients of a bare model are clipped where the trainer's block is silent."""
TotalSteps = Callable[..., int]
"""From ``per_step`` and ``every`` of :func:`count_steps` to the number of steps of an optimizer."""


@dataclass
class Scheduler:
    """A scheduler and when it moves."""

    scheduler: Any
    interval: str
    monitor: str | None

    def lightning(self) -> dict[str, Any]:
        """Return Lightning's ``lr_scheduler`` mapping."""
        chosen = {"scheduler": self.scheduler, "interval": self.interval}
        watched = {"monitor": self.monitor, "strict": False}  # validation may be rarer
        return {**chosen, **watched} if self.monitor else chosen


@dataclass
class NamedOptimizer:
    """A named optimizer, its part of the model and when it steps.

    Attributes:
        every: It takes part in every so many-th batch.
        accumulate: Batches (that it takes part in) for one step.
        clip: Largest gradient (norm or value), or None.
        seen_batches: Batches of the training so far.
        held_batches: Batches whose gradients wait for the next step.
    """

    name: str
    optimizer: Optimizer
    parameters: list[nn.Parameter]
    scheduler: Scheduler | None
    every: int = 1
    accumulate: int = 1
    clip: float | None = None
    clip_algorithm: str = "norm"
    seen_batches: int = 0
    held_batches: int = 0

    @property
    def active(self) -> bool:
        """Whether it takes part in the next batch."""
        return self.seen_batches % self.every == 0


def make_single_optimizer(
    model: nn.Module, config: Mapping[str, Any], total_steps: TotalSteps
) -> tuple[Optimizer, Scheduler | None]:
    """Construct the optimizer over all trainable parameters, and its scheduler.

    Args:
        model: The model that is trained.
        config: The training config.
        total_steps: Returns the number of steps in the training, see :data:`TotalSteps`.

    Raises:
        UserError: There is no optimizer, or an argument does not fit.
    """
    if config["optimizer"] is None:
        raise UserError('training needs an "optimizer"', where=_key_path(config, "optimizer"))
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if not parameters:
        raise UserError("the model has no trainable parameter", where="model")
    optimizer = instantiate(config["optimizer"], parameters)
    interval, monitor = config["scheduler_interval"], config["scheduler_monitor"]
    steps = total_steps(config["trainer"]["accumulate_grad_batches"])
    return optimizer, _make_scheduler(config["scheduler"], optimizer, interval, monitor, steps)


def make_named_optimizers(
    model: nn.Module, config: Mapping[str, Any], total_steps: TotalSteps
) -> dict[str, NamedOptimizer]:
    """Construct the named optimizers, in the order of the config.

    Args:
        model: The model that is trained.
        config: The training config.
        total_steps: Returns the number of steps in the training, see :data:`TotalSteps`.

    Raises:
        UserError: The optimizers do not cover the parameters once, or a scheduler has no optimizer.
    """
    blocks, schedulers = config["optimizers"], config["schedulers"] or {}
    where = _key_path(config, "optimizers")
    unknown = [name for name in schedulers if name not in blocks]
    if unknown:
        raise UserError(
            f'there is no optimizer "{unknown[0]}"',
            where=_key_path(config, f"schedulers.{unknown[0]}"),
            hint=f"schedulers are named after the optimizers {', '.join(blocks)}",
        )
    selectors = {name: block["params"] for name, block in blocks.items()}
    parts = assign_parameters(model, selectors, where)
    common_clip = config["trainer"].get("gradient_clip_val", CLIP_VALUE)
    named = {}
    for name, block in blocks.items():
        optimizer = instantiate(block["optimizer"], parts[name])
        every, accumulate = block["step_every_n_iters"], block["accum_grad_steps"]
        clip = block["gradient_clip_val"]
        scheduler = None
        chosen = schedulers.get(name)
        if chosen:
            schedule = chosen["scheduler"], optimizer, chosen["interval"], chosen["monitor"]
            scheduler = _make_scheduler(*schedule, total_steps(accumulate, every))
        named[name] = NamedOptimizer(
            name,
            optimizer,
            parts[name],
            scheduler,
            every,
            accumulate,
            clip=common_clip if clip is None else clip,
            clip_algorithm=block["gradient_clip_algorithm"] or "norm",
        )
    return named


def _make_scheduler(
    node: Any, optimizer: Optimizer, interval: str, monitor: str | None, steps: int
) -> Scheduler | None:
    """Construct a scheduler; ``total_steps`` is supplied where it is an argument and not given."""
    if node is None:
        return None
    supplied: dict[str, Any] = {"optimizer": optimizer}
    if _wants_total_steps(node):
        if steps < 0:
            problem = f'"{node[TARGET]}" needs the number of steps, and training has no end'
            hint = "set trainer.max_steps, or max_epochs with a loader that has a __len__"
            raise UserError(problem, where=_key_path(node), hint=hint)
        supplied["total_steps"] = steps
    scheduler = instantiate(node, **supplied)
    if isinstance(scheduler, ReduceLROnPlateau) and (interval != "epoch" or not monitor):
        raise UserError(
            "ReduceLROnPlateau watches a value that is known once an epoch",
            where=_key_path(node),
            hint='set its interval to "epoch" and its monitor, for example to valid/loss',
        )
    return Scheduler(scheduler, interval, monitor)


def limit_epochs(trainer: Mapping[str, Any]) -> int:
    """Return after how many epochs a training ends; -1 when something else ends it."""
    chosen: int | None = trainer.get("max_epochs")
    if chosen is not None:
        return chosen
    ends = trainer.get("max_time") or (trainer.get("max_steps") or -1) > 0
    return -1 if ends else MAX_EPOCHS


def limit_batches(batches: int, limit: float | None) -> int:
    """Return the batches of an epoch that ``limit_train_batches`` leaves of all."""
    if limit is None:
        return batches
    return min(batches, limit) if isinstance(limit, int) else int(batches * limit)


def count_steps(
    batches: int,
    limit: float | None,
    max_epochs: int | None,
    max_steps: int,
    per_step: int,
    every: int | None = None,
) -> int:
    """Return the number of optimizer steps of a training; -1 when it has no end.

    Args:
        batches: Batches of an epoch.
        limit: ``limit_train_batches``: a number of batches, or a part of them as a float.
        max_epochs: -1 or None for no limit.
        max_steps: -1 for no limit.
        per_step: Batches for one step; the last step of an epoch may have fewer.
        every: Of a named optimizer, which takes part in every so many-th batch: what is
            accumulated at the end of an epoch waits for the next one.
    """
    batches = limit_batches(batches, limit)
    if max_epochs is None or max_epochs < 0:
        return max_steps
    if every is None:
        steps = math.ceil(batches / per_step) * max_epochs
    else:
        steps = max(math.ceil(batches * max_epochs / every) // per_step, 1)
    return steps if max_steps < 0 else min(steps, max_steps)


def _wants_total_steps(node: Mapping[str, Any]) -> bool:
    if "total_steps" in node or "epochs" in node:  # OneCycleLR takes either
        return False
    return "total_steps" in parameters_of(node, _key_path(node))


def _key_path(config: Mapping[str, Any], key: str = "") -> str:
    where = getattr(config, "where", "")
    return f"{where}.{key}" if key else where
