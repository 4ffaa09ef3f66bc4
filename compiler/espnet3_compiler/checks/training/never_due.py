"""Intervals that are longer than the training.

Passes: ``check_val_every_n_epoch: 5`` with ``max_epochs: 5``; ``val_check_interval: 0.5``.
Fails: ``check_val_every_n_epoch: 20`` with ``max_epochs: 10``; ``val_check_interval: 500`` with
``max_steps: 100``; a ``ModelCheckpoint`` with ``every_n_epochs: 20`` and ``max_epochs: 10``;
a ``StochasticWeightAveraging`` with ``swa_epoch_start: 20`` and ``max_epochs: 10``.

A training that has not validated does so once, at its end. An interval that several stages read is
reported only if it is too long for all of them.
"""

from collections.abc import Iterator

from espnet3_compiler.checks.findings import value_finding
from espnet3_compiler.checks.training.empty_lists import why_no_validation
from espnet3_compiler.checks.training.monitors import (
    LIGHTNING,
    callbacks_of,
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
from espnet3_compiler.stage_graph.stage_inputs import certain_configs
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.span_key import first_per_location, written_entry
from espnet3_compiler.syntax.tree import Entry, Mapping

_EPOCHS = ("every_n_epochs", "swa_epoch_start", "unfreeze_backbone_at_epoch")
"""Arguments of Lightning's callbacks: after how many epochs they do something."""
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
        batches = _batches_of_step(config, trainer)
        if batches and not refused_interval(config):
            yield from _judge(interval, steps, batches, _VALIDATION, _watchers(config))
    for callback, name in callbacks_of(config):
        if name.startswith(LIGHTNING):
            message = f"{name.rpartition('.')[2]} is never due: the training ends before"
            for key in _EPOCHS:
                yield from _judge(written_entry(callback, key), epochs, 1, message)
            yield from _judge(written_entry(callback, "every_n_train_steps"), steps, 1, message)


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
