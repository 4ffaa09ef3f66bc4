"""Whether a training can go on from a checkpoint, and which settings of it count."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import nn
from torch.optim import Optimizer

from espnet3_runtime.errors import UserError
from espnet3_runtime.training.initial_weights import describe_mismatches
from espnet3_runtime.training.parameter_groups import abbreviate_names

WHERE = "training.fit.ckpt_path"
AFRESH = "start a new training from the weights with init_from, or set it as it was"
_RATES = {"initial_lr": "lr", "lr": "lr", "weight_decay": "weight_decay"}


def check_checkpoint(
    path: Path, loaded: Mapping[str, Any], model: nn.Module, limits: tuple[int, int]
) -> None:
    """Check a full checkpoint before a training goes on from it.

    Args:
        path: Where it lies, for messages.
        loaded: Its content.
        model: The model that is trained.
        limits: ``max_epochs`` and ``max_steps``; -1 is no limit.

    Raises:
        UserError: It holds weights only, or those of another model, is of an earlier version, or
            its training has ended.
    """
    if "optimizer_states" not in loaded or "loops" not in loaded:
        raise UserError(
            f'"{path}" holds weights only, and a training cannot go on from them',
            where=WHERE,
            hint="use last.ckpt, or start a new training from the weights with init_from",
        )
    state = loaded.get("espnet3")
    if state is not None and "optimizers" not in state:
        problem = f'"{path}" was written by an earlier version, which did not save its optimizers'
        raise UserError(problem, where=WHERE, hint=AFRESH)
    problems = "; ".join(describe_mismatches(model.state_dict(), loaded.get("state_dict", {})))
    if problems:
        raise UserError(f'"{path}" is of another model: {problems}', where=WHERE, hint=AFRESH)
    done = (loaded.get("espnet3", {}).get("epoch", 0), loaded["global_step"])
    for name, limit, reached in zip(("max_epochs", "max_steps"), limits, done, strict=True):
        if 0 <= limit <= reached:
            problem = f'"{path}" has nothing left to train: {name} is {limit}, and it has {reached}'
            raise UserError(problem, where=WHERE, hint=f"raise trainer.{name}")


def describe_optimizers(
    model: nn.Module, optimizers: Sequence[Optimizer], schedulers: Sequence[Any]
) -> dict[str, Any]:
    """Return the kinds of optimizers and schedulers, and the names of what they train.

    Args:
        model: The model that is trained.
        optimizers: The optimizers, in the order of the config.
        schedulers: Those of them that there are.
    """
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    return {
        "optimizer": [type(one).__name__ for one in optimizers],
        "scheduler": [type(one).__name__ for one in schedulers],
        "trained": [
            [[names.get(id(p), "") for p in group["params"]] for group in one.param_groups]
            for one in optimizers
        ],
    }


def compare_optimizers(saved: Mapping[str, Any], own: Mapping[str, Any]) -> None:
    """Compare two results of :func:`describe_optimizers`.

    Raises:
        UserError: The checkpoint is of another optimizer or scheduler, or trained other parameters.
    """
    for kind in ("optimizer", "scheduler"):
        if saved[kind] != own[kind]:
            there, here = (", ".join(one[kind]) or f"no {kind}" for one in (saved, own))
            problem = f"the checkpoint is of another {kind}: {there} there, {here} here"
            raise UserError(problem, where=WHERE, hint=AFRESH)
    if saved["trained"] != own["trained"]:
        before, now = (
            {name for groups in one["trained"] for group in groups for name in group}
            for one in (saved, own)
        )
        other = abbreviate_names(before ^ now) or "the same ones in another order or other groups"
        problem = f"the checkpoint trained other parameters (see freeze): {other}"
        raise UserError(problem, where=WHERE, hint=AFRESH)


def check_schedule(ends: int, steps: int) -> None:
    """Check that the schedule of a checkpoint is as long as the training, both in steps.

    Raises:
        UserError: It ends earlier.
    """
    if ends < steps:
        problem = (
            f"the schedule of the checkpoint ends after {ends} steps, the training has {steps}"
        )
        raise UserError(problem, where=WHERE, hint=AFRESH)


def read_rates(optimizers: Sequence[Optimizer]) -> list[dict[str, float]]:
    """Return the rates of every parameter group; a schedule's is the one that it began with."""
    return [
        {short: float(group[name]) for name, short in reversed(_RATES.items()) if name in group}
        for one in optimizers
        for group in one.param_groups
    ]


def describe_overruled(
    written: Sequence[Mapping[str, float]], counting: Sequence[Mapping[str, float]]
) -> Iterator[str]:
    """Yield a line for each rate of the config in whose place the checkpoint's counts."""
    for ours, theirs in zip(written, counting, strict=True):
        for name in ours:
            if theirs[name] != ours[name]:
                yield f"{name} is {theirs[name]:g} of the checkpoint, not {ours[name]:g} as set"
