"""Schedules of the learning rate that the training ends before: a warm-up above all its steps.

Passes: ``warmup_steps: 1000`` with ``max_steps: 20000``; ``StepLR`` with ``step_size: 10``,
``scheduler_interval: epoch`` and ``max_epochs: 30``.
Fails: ``warmup_steps: 25000`` with ``max_steps: 5000``, or with ``num_iters_per_epoch: 100`` and
``max_epochs: 30``; ``step_size: 30`` of epochs with ``max_epochs: 20``.

A trial of a few steps says nothing.  Where only the data tell how many steps there are,
``--deep`` says it.  A length that several stages read is reported only if it is too long for all.
"""

from collections.abc import Iterator
from math import ceil
from typing import Any

from msgspec import Struct

from espnet3_compiler.checks.findings import value_finding
from espnet3_compiler.checks.training.monitors import scheduler_blocks
from espnet3_compiler.checks.training.no_effect import JudgedSetting, idle_settings
from espnet3_compiler.checks.training.trial_runs import is_switched_to_trial
from espnet3_compiler.checks.training.validation_intervals import most_batches, number_at
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.expressions.template import is_unresolved
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.manifest.stage_kinds import stages_of_kind
from espnet3_compiler.manifest.values import text_of
from espnet3_compiler.stage_graph.lightning_models import lightning_model
from espnet3_compiler.stage_graph.stage_inputs import certain_config
from espnet3_compiler.syntax.placeholder import has_certain_keys
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.span_key import first_per_location, is_inherited, written_entry
from espnet3_compiler.syntax.tree import Entry, Mapping, Node, to_python
from espnet3_schemas import TARGET
from espnet3_schemas.schedule_lengths import WARMUPS, LateLength, late_length

_FEWEST = {"epoch": 1, "step": 100}
"""Of which a training has more than a trial: fewer are not meant to see a schedule to its end."""


class _Most(Struct, frozen=True):
    """How often a scheduler moves at most, and the settings that say so."""

    moves: int
    entries: tuple[Entry, ...]


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R809."""
    judged: list[JudgedSetting] = []
    for stage in stages_of_kind("train", recipe):
        own_steps = lightning_model(stage, recipe, resolved)[1] is not None
        config = None if own_steps else certain_config(stage, "training", resolved)
        judged += _judge_config(config) if config else ()
    yield from first_per_location(idle_settings(judged))


def _judge_config(config: Mapping) -> Iterator[JudgedSetting]:
    for block, key, _ in scheduler_blocks(config):
        node, interval = block.get("scheduler"), text_of(block.get(key))
        target = text_of(node.get(TARGET)) if isinstance(node, Mapping) else ""
        if isinstance(node, Mapping) and has_certain_keys(node) and target and interval:
            yield from _judge(node, target, interval, _most(config, block, interval))


def _judge(
    node: Mapping, target: str, interval: str, most: _Most | None
) -> Iterator[JudgedSetting]:
    """Judge the lengths that are written in a scheduler."""
    arguments = _known_arguments(node)
    if interval == "epoch":  # a warm-up in steps is a matter of its unit
        arguments = {key: value for key, value in arguments.items() if key not in WARMUPS}
    late = late_length(target, arguments, most.moves) if most else None
    entries = {key: entry for key in arguments if (entry := written_entry(node, key))}
    for key, entry in entries.items():
        if most is None or late is None or key != late.key:
            yield entry, None
        elif not is_inherited(entry.value):
            yield entry, _finding(entry, late, interval, most)


def _known_arguments(node: Mapping) -> dict[str, Any]:
    return {one.name: to_python(one.value) for one in node if not _is_open(one.value)}


def _is_open(node: Node) -> bool:
    return isinstance(node, Mapping) or is_unresolved(node)


def _finding(entry: Entry, late: LateLength, interval: str, most: _Most) -> Diagnostic:
    unit = f"{interval}s" if most.moves != 1 else interval
    return value_finding(
        "R809",
        f"{late.effect}: {late.key} is {late.number}, and the training has at most "
        f"{most.moves} {unit}",
        entry.value,
        "the training ends before",
        related=tuple(Label(use_location(one.value), one.name) for one in most.entries),
        advice=(f"write a number of {interval}s of the training, or train for longer",),
    )


def _most(config: Mapping, block: Mapping, interval: str) -> _Most | None:
    """Return how often a scheduler moves at most; None where that is not known, or in a trial."""
    most = _most_epochs(config) if interval == "epoch" else _most_steps(config, block)
    long = most is not None and most.moves >= _FEWEST.get(interval, 0)
    return most if long and not is_switched_to_trial(config.get("trainer")) else None


def _most_epochs(config: Mapping) -> _Most | None:
    entry, number = number_at(config.get("trainer"), "max_epochs")
    return _Most(number, (entry,)) if entry and number > 0 else None


def _most_steps(config: Mapping, block: Mapping) -> _Most | None:
    """Return the steps at most, by ``max_steps`` or by the batches of so many epochs."""
    trainer = config.get("trainer")
    found = []
    steps, number = number_at(trainer, "max_steps")
    if steps and number > 0:
        found.append(_Most(number, (steps,)))
    batches, epochs = most_batches(config), _most_epochs(config)
    if batches and epochs:
        joined = max(number_at(trainer, "accumulate_grad_batches")[1], 1)
        total = ceil(batches[1] / (joined if block is config else 1)) * epochs.moves
        found.append(_Most(total, (*epochs.entries, batches[0])))
    return min(found, default=None, key=lambda one: one.moves)
