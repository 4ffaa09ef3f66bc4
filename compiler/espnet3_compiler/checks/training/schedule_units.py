"""The unit in which a scheduler counts: steps, unless ``scheduler_interval: epoch`` is written.

Passes: ``CosineAnnealingLR`` with ``T_max: 4`` and ``scheduler_interval: epoch``; ``T_max: 4000``.
Fails: ``T_max`` that is ``max_epochs``, in steps; ``warmup_steps: 15000`` with
``scheduler_interval: epoch`` and ``max_epochs: 70``; ``StepLR`` with ``step_size: 2``, in steps:
the rate is gone after a dozen of batches.

A length that several stages read is reported only if it is wrong in all of them.
"""

from collections.abc import Iterator
from math import log

from msgspec import Struct

from espnet3_compiler.checks.findings import value_finding
from espnet3_compiler.checks.training.monitors import scheduler_blocks
from espnet3_compiler.checks.training.no_effect import (
    JudgedSetting,
    idle_settings,
    whole_number,
)
from espnet3_compiler.checks.training.optimizers import SCHEDULERS
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.manifest.values import number_of, text_of
from espnet3_compiler.stage_graph.stage_inputs import certain_configs
from espnet3_compiler.syntax.placeholder import has_certain_keys
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.span_key import first_per_location, is_written, written_entry
from espnet3_compiler.syntax.tree import Entry, Mapping, Node, Scalar, children, node_at
from espnet3_schemas import TARGET

_LENGTHS = ("T_max", "T_0", "total_iters", "total_steps", "num_training_steps")
"""Arguments that say how long a schedule is."""

_DECAYS = {"StepLR": "step_size", "ExponentialLR": "gamma"}
"""Schedulers that multiply the rate by ``gamma``, and the argument that says when."""

_GAMMA = 0.1  # of StepLR
_FASTEST = 50  # steps in which a rate that is meant to move every step is not halved yet
_LEAST_BATCHES = 10  # of an epoch, for all that is not known of the data
_GONE = 0.01

_WARMUPS = ("warmup_steps", "num_warmup_steps", "warmup_iters")


class _Schedule(Struct, frozen=True):
    """A scheduler, the interval at which it moves, and how many epochs it runs for.

    Attributes:
        node: The target.
        key: What its interval is called.
        interval: step or epoch.
        epochs: The entry ``max_epochs``.
        last: Its value.
    """

    node: Mapping
    key: str
    interval: Scalar
    epochs: Entry
    last: int


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R814."""
    configs = certain_configs("train", "training", recipe, resolved)
    judged = [
        setting
        for config in configs
        for schedule in _schedules_of(config)
        for setting in (
            *_judge_lengths(schedule, schedule.node),
            *_judge_decay(schedule, schedule.node),
        )
    ]
    yield from first_per_location(idle_settings(judged))


def _schedules_of(config: Mapping) -> Iterator[_Schedule]:
    """Yield the schedulers of a training whose number of epochs is known."""
    trainer = config.get("trainer")
    epochs = written_entry(trainer, "max_epochs") if isinstance(trainer, Mapping) else None
    last = whole_number(epochs.value) if epochs else None
    ends = _ends_by_steps(trainer) or _has_one_step(config)
    if epochs is None or last is None or last <= 1 or ends:
        return
    for block, key, _ in scheduler_blocks(config):
        node, interval = block.get("scheduler"), block.get(key)
        if isinstance(node, Mapping) and isinstance(interval, Scalar):
            yield _Schedule(node, key, interval, epochs, last)


def _ends_by_steps(trainer: Node | None) -> bool:
    """Return whether a number of steps ends the training, not epochs alone."""
    steps = written_entry(trainer, "max_steps") if isinstance(trainer, Mapping) else None
    return steps is not None and (whole_number(steps.value) or 0) > 0


def _has_one_step(config: Mapping) -> bool:
    """Return whether an epoch is a single step, so that both units are one."""
    counts = (("dataloader", "train", "num_iters_per_epoch"), ("trainer", "limit_train_batches"))
    return any(whole_number(node_at(config, path)) == 1 for path in counts)


def _judge_lengths(schedule: _Schedule, node: Node) -> Iterator[JudgedSetting]:
    """Judge the lengths of a scheduler and of those inside of it."""
    for _, child in children(node):
        yield from _judge_lengths(schedule, child)
    if not isinstance(node, Mapping):
        return
    for key in (*_LENGTHS, *_WARMUPS):
        entry = written_entry(node, key)
        length = whole_number(entry.value) if entry else None
        if entry is None or length is None:
            continue
        if schedule.interval.value == "step" and key in _LENGTHS:
            yield entry, _in_epochs(schedule, entry) if length == schedule.last else None
        elif schedule.interval.value == "epoch" and key in _WARMUPS:
            yield entry, _in_steps(schedule, entry, length) if length > schedule.last else None


def _judge_decay(schedule: _Schedule, node: Mapping) -> Iterator[JudgedSetting]:
    """Judge when a scheduler multiplies the rate, by what is left of it after the training."""
    name = text_of(node.get(TARGET)).removeprefix(SCHEDULERS)
    entry = written_entry(node, _DECAYS[name]) if name in _DECAYS else None
    if entry is None or not has_certain_keys(node):
        return
    gamma = number_of(node.get("gamma")) if node.entry("gamma") else _GAMMA
    often = _decays_per_step(entry, schedule.last) if schedule.interval.value == "step" else None
    if gamma is None or often is None or not 0 < gamma < 1:
        yield entry, None
        return
    halved = log(0.5) / log(gamma) / often
    left = gamma ** (_LEAST_BATCHES * schedule.last * often)
    yield entry, _too_fast(schedule, entry, name) if halved < _FASTEST and left < _GONE else None


def _decays_per_step(entry: Entry, epochs: int) -> float | None:
    """Return how often the rate is multiplied; None for what cannot be meant to count epochs."""
    if entry.name == "gamma":
        return 1.0
    size = whole_number(entry.value)
    return 1 / size if size and 0 < size <= epochs else None


def _too_fast(schedule: _Schedule, entry: Entry, name: str) -> Diagnostic:
    return value_finding(
        "R814",
        f"{name} counts optimizer steps, and lowers the rate as if they were epochs",
        entry.value,
        "steps: the scheduler moves every step, not every epoch",
        related=(Label(use_location(schedule.epochs.value), "the epochs"),),
        advice=(f"write {schedule.key}: epoch, or {entry.name} for steps",),
    )


def _in_epochs(schedule: _Schedule, entry: Entry) -> Diagnostic:
    return value_finding(
        "R814",
        f"{entry.name} counts optimizer steps, and looks like max_epochs: {schedule.last}",
        entry.value,
        "steps: the scheduler moves every step, not every epoch",
        related=(Label(use_location(schedule.epochs.value), "the epochs"),),
        advice=(f"write {schedule.key}: epoch, or {entry.name} in steps",),
    )


def _in_steps(schedule: _Schedule, entry: Entry, number: int) -> Diagnostic:
    last, written = schedule.last, is_written(schedule.interval)
    return value_finding(
        "R814",
        f"{entry.name}: {number} counts epochs here, and training ends after {last}",
        schedule.interval if written else entry.value,
        "the scheduler moves once an epoch",
        related=(
            Label(use_location(entry.value), "in steps?"),
            Label(use_location(schedule.epochs.value), "the epochs"),
        ),
        advice=(f"write {schedule.key}: step, or {entry.name} in epochs",),
    )
