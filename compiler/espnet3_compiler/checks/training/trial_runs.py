"""Settings of a trial run that were left on before its model is scored or published.

Passes: ``fast_dev_run`` in a recipe that ends with training; ``limit_train_batches: 500``.
Fails: ``fast_dev_run: true`` before ``pack_model``; ``limit_train_batches: 1``, which is one batch
(``1.0`` is all of them), before ``measure``.

A setting that several stages read is reported only if all of them are published.
"""

from collections.abc import Iterator
from functools import cached_property

from espnet3_compiler.checks.findings import value_finding
from espnet3_compiler.checks.training.no_effect import (
    JudgedSetting,
    idle_settings,
    whole_number,
)
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Edit, Fix
from espnet3_compiler.manifest.recipe import Recipe, Resolved, StageDecl
from espnet3_compiler.manifest.stage_kinds import stage_kind, stages_of_kind
from espnet3_compiler.stage_graph.graph import stage_edges
from espnet3_compiler.stage_graph.kind_edges import stage_name
from espnet3_compiler.stage_graph.stage_inputs import certain_config
from espnet3_compiler.syntax.provenance import is_fixable
from espnet3_compiler.syntax.span_key import first_per_location, written_entry
from espnet3_compiler.syntax.tree import Entry, Mapping, Node, Scalar

TRIALS = ("fast_dev_run", "overfit_batches")
LIMITS = ("limit_train_batches", "limit_val_batches")
_PUBLISHING = ("pack_model", "upload_model", "pack_demo", "upload_demo")


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R810."""
    if not recipe.complete:
        return
    judged: list[JudgedSetting] = []
    users = _WeightUsers(recipe, resolved)
    for stage in stages_of_kind("train", recipe):
        config = certain_config(stage, "training", resolved)
        trainer = config.get("trainer") if config else None
        if isinstance(trainer, Mapping):
            judged += _judge_trials(stage, trainer, users)
            judged += _judge_limits(stage, trainer, users)
    yield from first_per_location(idle_settings(judged))


def is_switched_to_trial(trainer: Node | None) -> bool:
    """Return whether a setting makes a training a trial of a few batches."""
    entries = [trainer.entry(name) for name in TRIALS] if isinstance(trainer, Mapping) else []
    values = [one.value.value for one in entries if one and isinstance(one.value, Scalar)]
    return any(values)


class _WeightUsers:
    """The stages that publish or score what trainings make, found when first asked for."""

    def __init__(self, recipe: Recipe, resolved: Resolved) -> None:
        self.recipe = recipe
        self.resolved = resolved

    @cached_property
    def producers(self) -> dict[str, set[str]]:
        """The stages that each stage needs."""
        found: dict[str, set[str]] = {}
        for edge in stage_edges(self.recipe, self.resolved):
            found.setdefault(edge.consumer, set()).add(edge.producer)
        return found

    @cached_property
    def publishers(self) -> list[StageDecl]:
        """The stages that publish a model."""
        return [one for kind in _PUBLISHING for one in stages_of_kind(kind, self.recipe)]

    @cached_property
    def packed(self) -> set[str]:
        """The trainings that these name."""
        trainings = {stage_name(one) for one in stages_of_kind("train", self.recipe)}
        needed = (self.producers.get(stage_name(one), set()) for one in self.publishers)
        return trainings.intersection(set().union(*needed))


def _judge_trials(
    stage: StageDecl, trainer: Mapping, users: _WeightUsers
) -> Iterator[JudgedSetting]:
    """Judge settings of a trial run in a training whose weights are published."""
    for entry in filter(None, (written_entry(trainer, name) for name in TRIALS)):
        value = entry.value.value if isinstance(entry.value, Scalar) else None
        on = isinstance(value, bool | int | float) and value
        if publisher := _publisher_of(stage, users) if on else None:
            yield entry, _unfit_to_publish(entry, publisher)


def _publisher_of(stage: StageDecl, users: _WeightUsers) -> StageDecl | None:
    """Return the first stage that publishes a model, unless it is that of other trainings."""
    if not users.publishers or (users.packed and stage_name(stage) not in users.packed):
        return None
    return users.publishers[0]


def _unfit_to_publish(entry: Entry, publisher: StageDecl) -> Diagnostic:
    name, given = stage_name(publisher), f"--set training.trainer.{entry.name}=…"
    return value_finding(
        "R810",
        f"{entry.name} trains on a few batches only, and {name} publishes the model",
        entry.value,
        "left on",
        advice=(f"remove it; for a trial give it on the command line: {given}",),
    )


def _judge_limits(
    stage: StageDecl, trainer: Mapping, users: _WeightUsers
) -> Iterator[JudgedSetting]:
    """Judge a limit to one batch in a training whose weights are published or scored.

    Both limits as whole numbers are a trial on purpose.
    """
    entries = filter(None, (written_entry(trainer, name) for name in LIMITS))
    limited = [entry for entry in entries if whole_number(entry.value)]
    for entry in limited:
        one = len(limited) == 1 and whole_number(entry.value) == 1
        user = _user_of(stage, users) if one else None
        yield entry, _one_batch(entry, user) if user else None


def _user_of(stage: StageDecl, users: _WeightUsers) -> StageDecl | None:
    """Return the stage that publishes the weights; where none publishes, one that scores them."""
    if any(stage_kind(one) in _PUBLISHING for one in users.recipe.stages):
        return _publisher_of(stage, users)
    reached = {stage_name(stage)}
    for other in users.recipe.stages:
        name = stage_name(other)
        if not reached.isdisjoint(users.producers.get(name, ())):
            reached.add(name)
            if stage_kind(other) == "measure":
                return other
    return None


def _one_batch(entry: Entry, user: StageDecl) -> Diagnostic:
    node, verb = entry.value, "scores" if stage_kind(user) == "measure" else "publishes"
    return value_finding(
        "R810",
        f"{entry.name}: 1 is one batch an epoch, and {stage_name(user)} {verb} the model",
        node,
        "one batch",
        advice=(
            f"write {entry.name}: 1.0 for all batches: a whole number counts batches",
            f"or, for a trial, give it on the command line: --set training.trainer.{entry.name}=…",
        ),
        fix=Fix("write 1.0", (Edit(node.span, "1.0"),)) if is_fixable(node) else None,
    )
