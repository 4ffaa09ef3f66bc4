"""Intervals that are longer than the training, and patience that outlasts it.

Passes: ``check_val_every_n_epoch: 5`` with ``max_epochs: 5``; ``val_check_interval: 0.5``.
Fails: ``check_val_every_n_epoch: 20`` with ``max_epochs: 10``; ``val_check_interval: 500`` with
``max_steps: 100``; a ``ModelCheckpoint`` with ``every_n_epochs: 20`` and ``max_epochs: 10``;
``early_stopping: {patience: 5}``, which counts validations, with one every 10 of 30 epochs;
``ReduceLROnPlateau`` with ``patience: 10`` and ``max_epochs: 8``.

A training that has not validated does so once, at its end. An interval that several stages read is
reported only if it is too long for all of them.
"""

from collections.abc import Iterator
from typing import NamedTuple

from espnet3_compiler.checks.findings import value_finding
from espnet3_compiler.checks.training.empty_lists import why_no_validation
from espnet3_compiler.checks.training.monitors import (
    LIGHTNING,
    callbacks_of,
    scheduler_blocks,
    training_monitors,
)
from espnet3_compiler.checks.training.no_effect import (
    JudgedSetting,
    idle_settings,
    whole_number,
)
from espnet3_compiler.checks.training.validation_intervals import refused_interval
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.manifest.values import text_of
from espnet3_compiler.stage_graph.stage_inputs import certain_configs
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.span_key import first_per_location, is_inherited, written_entry
from espnet3_compiler.syntax.tree import Entry, Mapping
from espnet3_schemas import TARGET

_PLATEAU = "ReduceLROnPlateau"
_VALIDATION = "the training ends before its first validation is due, and validates once at its end"


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R809."""
    configs = certain_configs("train", "training", recipe, resolved)
    judged = [setting for config in configs for setting in _judge_intervals(config)]
    yield from first_per_location(idle_settings(judged))


def _judge_intervals(config: Mapping) -> Iterator[JudgedSetting]:
    trainer = config.get("trainer")
    if not isinstance(trainer, Mapping):
        return
    epochs, steps = (written_entry(trainer, name) for name in ("max_epochs", "max_steps"))
    if not why_no_validation(config):
        every = written_entry(trainer, "check_val_every_n_epoch")
        yield from _judge(every, epochs, 1, _VALIDATION, _watchers(config))
        interval = written_entry(trainer, "val_check_interval")
        yield from _judge_patience(config, trainer)
        batches = _batches_of_step(config, trainer)
        if batches and not refused_interval(config):
            yield from _judge(interval, steps, batches, _VALIDATION, _watchers(config))
    for callback, name in callbacks_of(config):
        if name.startswith(LIGHTNING):
            message = f"{name.rpartition('.')[2]} is never due: the training ends before"
            yield from _judge(written_entry(callback, "every_n_epochs"), epochs, 1, message)
            yield from _judge(written_entry(callback, "every_n_train_steps"), steps, 1, message)


def _judge_patience(config: Mapping, trainer: Mapping) -> Iterator[JudgedSetting]:
    """Judge how many validations early stopping and schedulers wait, by how many there are."""
    stopping = config.get("early_stopping")
    if isinstance(stopping, Mapping):
        watched = text_of(stopping.get("monitor"))
        yield from _judge_waiting(stopping, watched, trainer, 0, "early stopping never stops")
    for block, _, key in scheduler_blocks(config):
        node, watched = block.get("scheduler"), text_of(block.get(key))
        if isinstance(node, Mapping) and text_of(node.get(TARGET)).endswith(f".{_PLATEAU}"):
            message = f"{_PLATEAU} never lowers the rate"
            yield from _judge_waiting(node, watched, trainer, 1, message)


def _judge_waiting(
    block: Mapping, watched: str, trainer: Mapping, more: int, message: str
) -> Iterator[JudgedSetting]:
    """Judge a patience.

    Args:
        block: Has it.
        watched: The value that is waited for.
        trainer: The settings of the trainer.
        more: So many more validations are needed.
        message: What never happens.
    """
    patience, epochs = written_entry(block, "patience"), written_entry(trainer, "max_epochs")
    waits = whole_number(patience.value) if patience else None
    if not patience or waits is None:
        return
    every, last = _epochs_between(trainer), whole_number(epochs.value) if epochs else None
    if not epochs or not last or not every or not watched.startswith("valid/"):
        yield patience, None
        return
    number = last // every.epochs
    used_up = waits + more < number or number == 0 or is_inherited(patience.value)
    yield patience, None if used_up else _outlasts(patience, number, message, epochs, every.written)


class _ValidationInterval(NamedTuple):
    """How many epochs are between validations, and the entry that says so."""

    epochs: int
    written: Entry | None


def _epochs_between(trainer: Mapping) -> _ValidationInterval | None:
    """Return after how many epochs a training validates; None for shares of one, or batches."""
    if written_entry(trainer, "val_check_interval"):
        return None
    entry = written_entry(trainer, "check_val_every_n_epoch")
    number = whole_number(entry.value) if entry else 1
    return _ValidationInterval(number, entry) if number and number > 0 else None


def _outlasts(
    patience: Entry, number: int, message: str, epochs: Entry, every: Entry | None
) -> Diagnostic:
    """Return the finding about a patience.

    Args:
        patience: The setting.
        number: The validations of the training.
        message: What never happens.
        epochs: Its epochs.
        every: How many of them are between validations.
    """
    counted = [one for one in (epochs, every) if one]
    return value_finding(
        "R809",
        f"{message}: the training has {number} validations",
        patience.value,
        "counts validations without improvement",
        related=tuple(Label(use_location(one.value), one.name) for one in counted),
        advice=("write a smaller number, validate more often, or train for more epochs",),
    )


def _watchers(config: Mapping) -> tuple[Label, ...]:
    """Return a label for what waits for a value of validation."""
    watched = [one.monitor for one in training_monitors(config)]
    return tuple(
        Label(use_location(node), "waits for it")
        for node in watched
        if str(node.value).startswith("valid/")
    )


def _batches_of_step(config: Mapping, trainer: Mapping) -> int | None:
    """Return the batches of a step of training; None where callbacks or optimizers decide."""
    own = [name for _, name in callbacks_of(config) if name.endswith("AccumulationScheduler")]
    if own or written_entry(config, "optimizers"):
        return None
    entry = written_entry(trainer, "accumulate_grad_batches")
    return whole_number(entry.value) if entry else 1


def _judge(
    interval: Entry | None,
    limit: Entry | None,
    factor: int,
    message: str,
    related: tuple[Label, ...] = (),
) -> Iterator[JudgedSetting]:
    """Judge an interval by the length of the training.

    Args:
        interval: A number of epochs or batches.
        limit: After how many epochs or steps training ends.
        factor: How many times the unit of the interval is in that of the limit.
        message: What is wrong with an interval that is too long.
        related: More locations.
    """
    every = whole_number(interval.value) if interval else None
    last = whole_number(limit.value) if limit else None
    if interval is None or every is None:
        return
    if limit is None or last is None or not 0 < last * factor < every:
        yield interval, None
        return
    yield (
        interval,
        value_finding(
            "R809",
            message,
            interval.value,
            f"{interval.name} is {every}",
            related=(Label(use_location(limit.value), f"{limit.name} is {last}"), *related),
            advice=(f"write at most {last * factor}, or a larger {limit.name}",),
        ),
    )
