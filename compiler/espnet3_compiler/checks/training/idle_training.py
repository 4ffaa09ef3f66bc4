"""Settings of a training that have no effect beside others.

Passes: ``reinit: [head]`` in the config of a stage with ``init_from``.
Fails: ``reinit`` without ``init_from``; ``min_epochs`` over ``max_epochs``; the criterion
``valid/loss`` beside ``limit_val_batches: 0``.

A setting that several stages read is reported only if it has no effect in any of them.
"""

from collections.abc import Iterator

from espnet3_compiler.checks.findings import value_finding
from espnet3_compiler.checks.training.no_effect import (
    JudgedSetting,
    idle_settings,
    whole_number,
)
from espnet3_compiler.checks.training.probabilities import is_zero
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.manifest.recipe import Recipe, Resolved, StageDecl
from espnet3_compiler.manifest.stage_kinds import stages_of_kind
from espnet3_compiler.stage_graph.stage_inputs import certain_config
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.span_key import (
    first_per_location,
    is_inherited,
    written_entry,
)
from espnet3_compiler.syntax.tree import Entry, Mapping, Node, Scalar, Sequence


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R809."""
    if not recipe.complete:
        return
    judged: list[JudgedSetting] = []
    for stage in stages_of_kind("train", recipe):
        if config := certain_config(stage, "training", resolved):
            judged += _judge_settings(stage, config)
    yield from first_per_location(idle_settings(judged))


def _judge_settings(stage: StageDecl, config: Mapping) -> Iterator[JudgedSetting]:
    if (entry := written_entry(config, "reinit")) and _has_items(entry.value):
        yield entry, None if stage.init_from else _idle_reinit(entry)
    trainer = config.get("trainer")
    if not isinstance(trainer, Mapping):
        return
    for unit in ("epochs", "steps"):
        yield from _judge_minimum(trainer, unit)
    yield from _judge_criterion(config, trainer)


def _idle_reinit(entry: Entry) -> Diagnostic:
    return value_finding(
        "R809",
        "reinit has no effect without init_from: everything starts afresh",
        entry.key,
        "no effect",
        advice=("name the stage or file to start from: {run: train, init_from: …}",),
    )


def _has_items(node: Node) -> bool:
    return isinstance(node, Sequence) and bool(node.items)


def _judge_minimum(trainer: Mapping, unit: str) -> Iterator[JudgedSetting]:
    least, most = written_entry(trainer, f"min_{unit}"), written_entry(trainer, f"max_{unit}")
    if least is None or most is None:
        return
    low, high = whole_number(least.value), whole_number(most.value)
    if low is None or high is None:
        return
    finding = None
    if 0 < high < low:
        finding = value_finding(
            "R809",
            f"min_{unit} is {low}, and training ends after max_{unit}: {high}",
            least.value,
            "never reached",
            related=(Label(use_location(most.value), "ends here"),),
            advice=(f"write max_{unit} of at least {low}, or a smaller min_{unit}",),
        )
    yield least, finding


def _judge_criterion(config: Mapping, trainer: Mapping) -> Iterator[JudgedSetting]:
    """Judge ``limit_val_batches: 0`` beside checkpoints that validation chooses."""
    limit, criteria = (
        written_entry(trainer, "limit_val_batches"),
        written_entry(config, "best_model_criterion"),
    )
    if limit is None or criteria is None or not isinstance(criteria.value, Sequence):
        return
    if not is_zero(limit.value) or is_inherited(criteria.value):
        yield limit, None
        return
    for item in criteria.value.items:
        monitor = item.items[0] if isinstance(item, Sequence) and item.items else None
        if isinstance(monitor, Scalar) and str(monitor.value).startswith("valid/"):
            yield limit, _unused_criterion(limit, monitor)
            return


def _unused_criterion(limit: Entry, monitor: Scalar) -> Diagnostic:
    stands_in = str(monitor.value).replace("valid/", "train/", 1)
    return value_finding(
        "R809",
        f'"{monitor.value}" chooses checkpoints, and limit_val_batches: 0 never validates',
        limit.value,
        f"{stands_in} stands in",
        related=(Label(use_location(monitor), "never measured"),),
        advice=(f"let it validate, or write {stands_in} into best_model_criterion",),
    )
