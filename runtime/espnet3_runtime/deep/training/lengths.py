"""Compare schedules and intervals of a training with its length, as the data tell it.

What the configs tell alone, the compiler has said.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from espnet3_runtime.config import ConfigView, to_plain
from espnet3_runtime.deep.stage_probe import StageProbe
from espnet3_runtime.training.optimizers import count_steps, limit_batches, limit_epochs
from espnet3_schemas import TARGET
from espnet3_schemas.schedule_lengths import TORCH_SCHEDULERS, late_length, planned_moves

_ANY = 10**12
"""Batches of an epoch that nobody has counted."""

_TRIALS = ("fast_dev_run", "overfit_batches")
"""Settings by which an epoch has other batches."""

_LIGHTNING = ("lightning.pytorch.", "pytorch_lightning.")


class _Schedule(NamedTuple):
    """A scheduler that moves at every step.

    Attributes:
        path: Where it is in the config.
        node: The target.
        per_step: Batches for one step of its optimizer.
        every: Of a named optimizer, which takes part in every so many-th batch.
    """

    path: tuple[str, ...]
    node: Mapping[str, Any]
    per_step: int
    every: int | None = None


def check_lengths(
    probe: StageProbe, config: ConfigView, batches: int | None, *, own_steps: bool
) -> None:
    """Report R415 for what Lightning or a scheduler refuses, R809 for what is never reached.

    Args:
        probe: The stage.
        config: Its training config.
        batches: The batches of an epoch of one process; None where they are not known.
        own_steps: Whether the model is a ``LightningModule``, which has its own schedulers.
    """
    trainer = config["trainer"]
    if batches is None or any(trainer.get(key) for key in _TRIALS):
        return
    _check_validation(probe, trainer, limit_batches(batches, trainer.get("limit_train_batches")))
    for schedule in () if own_steps else _schedules_of(config):
        moves, told = (_count_moves(trainer, schedule, count) for count in (batches, _ANY))
        if moves >= 0 and not _check_end(probe, config, schedule, moves):
            _check_schedule(probe, schedule, moves, told)


def _check_validation(probe: StageProbe, trainer: ConfigView, batches: int) -> None:
    """Report an interval of validation that is longer than an epoch."""
    every, epochs = trainer.get("val_check_interval"), trainer.get("check_val_every_n_epoch", 1)
    off = epochs is None or trainer.get("limit_val_batches") == 0
    if off or not isinstance(every, int) or isinstance(every, bool) or every <= batches:
        return
    hint = f"write at most {batches}, or check_val_every_n_epoch: null, by which all batches count"
    probe.answers.report_finding(
        "R415",
        probe.own_location("trainer", "val_check_interval"),
        f"Lightning refuses val_check_interval: {every}, more than an epoch has ({batches})",
        label="more batches than an epoch has",
        help_=[hint],
    )


def _schedules_of(config: ConfigView) -> Iterator[_Schedule]:
    named, plans = config["optimizers"] or {}, config["schedulers"] or {}
    if config["scheduler"] is not None and not named and config["scheduler_interval"] == "step":
        joined = config["trainer"]["accumulate_grad_batches"]
        yield _Schedule(("scheduler",), config["scheduler"], joined)
    for name, block in named.items():
        if plans.get(name) and plans[name]["interval"] == "step":
            counts = block["accum_grad_steps"], block["step_every_n_iters"]
            yield _Schedule(("schedulers", name, "scheduler"), plans[name]["scheduler"], *counts)


def _count_moves(trainer: ConfigView, schedule: _Schedule, batches: int) -> int:
    """Return how often a scheduler moves at most; -1 without end."""
    epochs, most = limit_epochs(trainer), trainer.get("max_steps") or -1
    limit = trainer.get("limit_train_batches")
    return count_steps(batches, limit, epochs, most, schedule.per_step, schedule.every)


def _check_end(probe: StageProbe, config: ConfigView, schedule: _Schedule, moves: int) -> bool:
    """Report a schedule that is over before the training; return whether it is."""
    planned = planned_moves(schedule.node)
    cycle = schedule.node.get(TARGET) == f"{TORCH_SCHEDULERS}OneCycleLR"
    if not cycle or planned is None or planned >= moves or _may_end_earlier(config):
        return False
    key = "total_steps" if schedule.node.get("total_steps") else "epochs"
    probe.answers.report_finding(
        "R415",
        probe.own_location(*schedule.path, key),
        f"OneCycleLR refuses to move on after {planned} steps, and the training has {moves}",
        label="ends before the training",
        help_=[f"write total_steps: {moves}, or leave it out: the runtime counts the steps"],
    )
    return True


def _may_end_earlier(config: ConfigView) -> bool:
    """Return whether something else than epochs or steps may end the training, or other ranks."""
    trainer = config["trainer"]
    names = [str(node.get(TARGET, "")) for node in trainer["callbacks"]]
    own = any(not name.startswith(_LIGHTNING) or "EarlyStopping" in name for name in names)
    one = trainer.get("devices", 1) in (1, "1", (0,)) and trainer.get("num_nodes", 1) == 1
    return own or not one or bool(trainer.get("max_time") or config["early_stopping"])


def _check_schedule(probe: StageProbe, schedule: _Schedule, moves: int, told: int) -> None:
    """Report a length that is never reached.

    Args:
        probe: The stage.
        schedule: The scheduler.
        moves: The steps of the training.
        told: What the configs say of them without the data, at most; -1 without end.
    """
    target, known = str(schedule.node.get(TARGET, "")), to_plain(schedule.node)
    late = late_length(target, known, moves)
    if late is None or (told >= 0 and late_length(target, known, told)):
        return
    probe.answers.report_finding(
        "R809",
        probe.own_location(*schedule.path, late.key),
        f"{late.effect}: {late.key} is {late.number}, and the training has {moves} steps",
        label="the training ends before",
        help_=["write a number of steps of the training, or train for longer"],
        warns=True,
    )
