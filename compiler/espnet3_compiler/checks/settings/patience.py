"""Patience that outlasts a training, so that nothing ever stops or lowers what it waits for.

Passes: ``early_stopping: {patience: 5}`` with ``max_epochs: 20``; with one or two, as in a trial.
Fails: ``early_stopping: {patience: 5}`` with ``max_epochs: 3``, or with one validation in every 10
of 30 epochs, or in every 500 of 2000 steps; the same of Lightning's ``EarlyStopping``;
``ReduceLROnPlateau`` with ``patience: 10`` and ``max_epochs: 8``.

It counts validations.  A patience that several trainings read is reported only if it is too long
for all of them; one that a shorter training inherits says nothing of the others.
"""

from collections.abc import Iterator

from msgspec import Struct

from espnet3_compiler.checks.findings import value_finding
from espnet3_compiler.checks.training.empty_lists import why_no_validation
from espnet3_compiler.checks.training.monitors import LIGHTNING, callbacks_of, scheduler_blocks
from espnet3_compiler.checks.training.no_effect import JudgedSetting, idle_settings
from espnet3_compiler.checks.training.trial_runs import is_switched_to_trial
from espnet3_compiler.checks.training.validation_intervals import number_at
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.manifest.values import text_of
from espnet3_compiler.stage_graph.stage_inputs import certain_configs
from espnet3_compiler.syntax.placeholder import has_certain_keys
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.span_key import first_per_location, is_inherited, written_entry
from espnet3_compiler.syntax.tree import Entry, Mapping, is_null
from espnet3_schemas import TARGET

_PLATEAU = "ReduceLROnPlateau"
_STOPPING = "EarlyStopping"
_TRIAL = 2  # epochs: as few are a trial, whose patience is that of the real training
_OTHER_WAYS = ("stopping_threshold", "divergence_threshold", "check_on_train_epoch_end")
"""Settings by which it stops without patience, or counts more than validations."""


class _Waiting(Struct, frozen=True):
    """Something that waits for a value to get better.

    Attributes:
        block: Has the patience.
        watched: The value.
        more: So many more validations are needed.
        effect: What never happens.
    """

    block: Mapping
    watched: str
    more: int
    effect: str


class _Validations(Struct, frozen=True):
    """How many validations a training has at most, and the settings that say so."""

    number: int
    entries: tuple[Entry, ...]


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R809."""
    judged: list[JudgedSetting] = []
    for config in certain_configs("train", "training", recipe, resolved):
        for one in () if why_no_validation(config) else _waiting(config):
            judged += _judge(one, config)
    yield from first_per_location(idle_settings(judged))


def _waiting(config: Mapping) -> Iterator[_Waiting]:
    effect = "early stopping never stops"
    stopping = config.get("early_stopping")
    if isinstance(stopping, Mapping) and _only_waits(stopping):
        yield _Waiting(stopping, text_of(stopping.get("monitor")), 0, effect)
    for callback, name in callbacks_of(config):
        if name.startswith(LIGHTNING) and name.endswith(f".{_STOPPING}") and _only_waits(callback):
            yield _Waiting(callback, text_of(callback.get("monitor")), 0, effect)
    for block, _, key in scheduler_blocks(config):
        node, watched = block.get("scheduler"), text_of(block.get(key))
        if isinstance(node, Mapping) and text_of(node.get(TARGET)).endswith(f".{_PLATEAU}"):
            yield _Waiting(node, watched, 1, f"{_PLATEAU} never lowers the rate")


def _only_waits(block: Mapping) -> bool:
    """Return whether early stopping has nothing but its patience to stop by."""
    return has_certain_keys(block) and all(is_null(block.get(name)) for name in _OTHER_WAYS)


def _judge(waiting: _Waiting, config: Mapping) -> Iterator[JudgedSetting]:
    patience, waits = number_at(waiting.block, "patience")
    epochs, last = number_at(config.get("trainer"), "max_epochs")
    trial = is_switched_to_trial(config.get("trainer")) or (epochs and 0 < last <= _TRIAL)
    if patience is None or trial:
        return
    most = _validations(config) if waiting.watched.startswith("valid/") else None
    if most is None or waits + waiting.more < max(most.number, 1):
        yield patience, None
    elif not is_inherited(patience.value):
        yield patience, _finding(patience, waiting, most)


def _validations(config: Mapping) -> _Validations | None:
    """Return how often a training validates at most; None where only its data tell."""
    trainer = config.get("trainer")
    if not isinstance(trainer, Mapping):
        return None
    if written_entry(trainer, "val_check_interval"):
        return _by_batches(config, trainer)
    epochs, last = number_at(trainer, "max_epochs")
    entry, every = number_at(trainer, "check_val_every_n_epoch")
    if epochs is None or last < 1 or (entry and every < 1):
        return None
    number = last // (every if entry else 1)
    return _Validations(number, (epochs, entry) if entry else (epochs,)) if number else None


def _by_batches(config: Mapping, trainer: Mapping) -> _Validations | None:
    """Return the validations of a training that validates after so many batches."""
    interval, every = number_at(trainer, "val_check_interval")
    steps, last = number_at(trainer, "max_steps")
    joined, number = number_at(trainer, "accumulate_grad_batches")
    if interval is None or steps is None or every < 1 or last < 1 or (joined and number < 1):
        return None
    if not is_null(config.get("optimizers")) or any(
        name.endswith("AccumulationScheduler") for _, name in callbacks_of(config)
    ):
        return None  # several steps of a batch, or one of several batches
    found = last * max(number, 1) // every
    return _Validations(found, (steps, interval)) if found else None


def _finding(patience: Entry, waiting: _Waiting, most: _Validations) -> Diagnostic:
    plural = "s" if most.number != 1 else ""
    least = most.number - waiting.more - 1
    advice = f"write patience: {least} at most" if least > 0 else "write a smaller patience"
    longer = most.entries[0].name
    return value_finding(
        "R809",
        f"{waiting.effect}: the training has {most.number} validation{plural}",
        patience.value,
        "counts validations without improvement",
        related=tuple(Label(use_location(one.value), one.name) for one in most.entries),
        advice=(f"{advice}, a larger {longer}, or validate more often",),
    )
