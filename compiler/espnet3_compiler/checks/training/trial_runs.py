"""Settings of a trial run that were left on before its model is scored or published.

Passes: ``fast_dev_run`` in a recipe that ends with training; ``limit_train_batches: 500``.
Fails: ``fast_dev_run: true`` before ``pack_model``; ``limit_train_batches: 1``, which is one batch
(``1.0`` is all of them), before ``measure``.

A setting that several stages read is reported only if all of them are published.
"""

from collections.abc import Iterator

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
from espnet3_compiler.syntax.tree import Entry, Mapping, Scalar

_TRIALS = ("fast_dev_run", "overfit_batches")
_LIMITS = ("limit_train_batches", "limit_val_batches")
_PUBLISHING = ("pack_model", "upload_model", "pack_demo", "upload_demo")


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R810."""
    if not recipe.complete:
        return
    judged: list[JudgedSetting] = []
    for stage in stages_of_kind("train", recipe):
        config = certain_config(stage, "training", resolved)
        trainer = config.get("trainer") if config else None
        if isinstance(trainer, Mapping):
            judged += _judge_trials(stage, trainer, recipe, resolved)
            judged += _judge_limits(stage, trainer, recipe, resolved)
    yield from first_per_location(idle_settings(judged))


def _judge_trials(
    stage: StageDecl, trainer: Mapping, recipe: Recipe, resolved: Resolved
) -> Iterator[JudgedSetting]:
    """Judge settings of a trial run in a training whose weights are published."""
    for entry in filter(None, (written_entry(trainer, name) for name in _TRIALS)):
        value = entry.value.value if isinstance(entry.value, Scalar) else None
        on = isinstance(value, bool | int | float) and value
        if publisher := _publisher_of(stage, recipe, resolved) if on else None:
            yield entry, _unfit_to_publish(entry, publisher)


def _publisher_of(stage: StageDecl, recipe: Recipe, resolved: Resolved) -> StageDecl | None:
    """Return the first stage that publishes a model, unless it is that of other trainings."""
    publishers = [one for kind in _PUBLISHING for one in stages_of_kind(kind, recipe)]
    trainings = {stage_name(one) for one in stages_of_kind("train", recipe)}
    names = set(map(stage_name, publishers))
    edges = stage_edges(recipe, resolved) if publishers else ()
    packed = {edge.producer for edge in edges if edge.consumer in names} & trainings
    return publishers[0] if publishers and (not packed or stage_name(stage) in packed) else None


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
    stage: StageDecl, trainer: Mapping, recipe: Recipe, resolved: Resolved
) -> Iterator[JudgedSetting]:
    """Judge a limit to one batch in a training whose weights are published or scored.

    Both limits as whole numbers are a trial on purpose.
    """
    entries = filter(None, (written_entry(trainer, name) for name in _LIMITS))
    limited = [entry for entry in entries if whole_number(entry.value)]
    for entry in limited:
        one = len(limited) == 1 and whole_number(entry.value) == 1
        user = _user_of(stage, recipe, resolved) if one else None
        yield entry, _one_batch(entry, user) if user else None


def _user_of(stage: StageDecl, recipe: Recipe, resolved: Resolved) -> StageDecl | None:
    """Return the stage that publishes the weights; where none publishes, one that scores them."""
    if any(stage_kind(one) in _PUBLISHING for one in recipe.stages):
        return _publisher_of(stage, recipe, resolved)
    edges = stage_edges(recipe, resolved)
    reached = {stage_name(stage)}
    for other in recipe.stages:
        name = stage_name(other)
        if any(edge.consumer == name and edge.producer in reached for edge in edges):
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
