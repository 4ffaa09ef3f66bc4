"""Schedules that end before the training does, and refuse to move on.

Passes: ``OneCycleLR`` with ``total_steps: 1200`` and ``max_steps: 1200``; without ``total_steps``,
which the runtime then gives.
Fails: ``total_steps: 600`` and ``max_steps: 1200``; ``epochs: 5, steps_per_epoch: 100`` beside
``num_iters_per_epoch: 100`` and ``max_epochs: 10``.

A training that something else may end earlier is left out.
"""

from collections.abc import Iterator
from math import ceil, inf

from msgspec import Struct

from espnet3_compiler.checks.findings import value_finding
from espnet3_compiler.checks.training.monitors import LIGHTNING, callbacks_of
from espnet3_compiler.checks.training.no_effect import whole_number
from espnet3_compiler.checks.training.optimizers import SCHEDULERS
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.manifest.stage_kinds import stages_of_kind
from espnet3_compiler.manifest.values import text_of
from espnet3_compiler.stage_graph.lightning_models import lightning_model
from espnet3_compiler.stage_graph.stage_inputs import certain_config
from espnet3_compiler.syntax.placeholder import has_certain_keys
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.span_key import first_per_location, written_entry
from espnet3_compiler.syntax.tree import Entry, Mapping, is_null, node_at, to_python
from espnet3_schemas import TARGET
from espnet3_schemas.schedule_lengths import planned_moves

_ENDING = ("max_time", "fast_dev_run", "overfit_batches", "limit_train_batches")
"""Settings of the trainer by which a training may have fewer steps."""


class _Length(Struct, frozen=True):
    """How many moves a training has at least, and the setting that says so."""

    moves: int
    entry: Entry


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R415."""
    found: list[Diagnostic] = []
    for stage in stages_of_kind("train", recipe):
        own_steps = lightning_model(stage, recipe, resolved)[1] is not None
        config = None if own_steps else certain_config(stage, "training", resolved)
        found += _check_config(config) if config else []
    yield from first_per_location(found)


def _check_config(config: Mapping) -> Iterator[Diagnostic]:
    node, interval = config.get("scheduler"), text_of(config.get("scheduler_interval"))
    if not isinstance(node, Mapping) or not has_certain_keys(node):
        return
    if text_of(node.get(TARGET)) != f"{SCHEDULERS}OneCycleLR" or _may_end_earlier(config):
        return
    planned, length = _planned(node), _length_of(config, interval)
    if planned and length and length.moves > planned.moves:
        yield _finding(planned, length, interval)


def _finding(planned: _Length, length: _Length, interval: str) -> Diagnostic:
    unit, rest = "steps", ", or leave it out: the runtime counts the steps"
    if interval == "epoch":
        unit, rest = "epochs", ""
    return value_finding(
        "R415",
        f"OneCycleLR refuses to move on after {planned.moves} {unit}, "
        f"and the training has {length.moves} or more",
        planned.entry.value,
        "ends before the training",
        related=(Label(use_location(length.entry.value), length.entry.name),),
        advice=(f"write total_steps: {length.moves}{rest}",),
    )


def _planned(node: Mapping) -> _Length | None:
    """Return how many moves a schedule has, as it is written."""
    entry = written_entry(node, "total_steps") or written_entry(node, "epochs")
    number = planned_moves({one.name: to_python(one.value) for one in node})
    return _Length(number, entry) if entry and number else None


def _may_end_earlier(config: Mapping) -> bool:
    """Return whether something else than a number of epochs or steps may end a training."""
    trainer = config.get("trainer")
    if not isinstance(trainer, Mapping) or not has_certain_keys(trainer):
        return True
    names = [name for _, name in callbacks_of(config)]
    own = any(not name.startswith(LIGHTNING) or "EarlyStopping" in name for name in names)
    ending = any(written_entry(trainer, key) for key in _ENDING)
    return own or ending or not is_null(config.get("early_stopping"))


def _length_of(config: Mapping, interval: str) -> _Length | None:
    """Return how many moves a training has at least; None where that is not known."""
    limits = [_by_epochs(config, interval), _by_steps(config)]
    if None in limits or (interval == "epoch" and limits[1] != inf):
        return None
    known = [one for one in limits if isinstance(one, _Length)]
    return min(known, default=None, key=lambda one: one.moves)


def _by_steps(config: Mapping) -> _Length | float | None:
    """Return the length by ``max_steps``; infinite without it, None where it is not known."""
    entry = _limit(config, "max_steps")
    number = whole_number(entry.value) if entry else -1
    if entry is None or number == -1:
        return inf
    return _Length(number, entry) if number else None


def _by_epochs(config: Mapping, interval: str) -> _Length | float | None:
    """Return the length by ``max_epochs``; infinite without it, None where it is not known."""
    entry = _limit(config, "max_epochs")
    number = whole_number(entry.value) if entry else -1
    if entry is None or number == -1:
        return inf
    batches = node_at(config, ("dataloader", "train", "num_iters_per_epoch"))
    joined = whole_number(node_at(config, ("trainer", "accumulate_grad_batches"))) or inf
    steps = max(ceil((whole_number(batches) or 1) / joined), 1)
    return _Length(number * (1 if interval == "epoch" else steps), entry) if number else None


def _limit(config: Mapping, name: str) -> Entry | None:
    trainer = config.get("trainer")
    return written_entry(trainer, name) if isinstance(trainer, Mapping) else None
