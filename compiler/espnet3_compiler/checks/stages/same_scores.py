"""Stages that score the results of an inference with the same metrics again: a copied line.

Passes: ``{name: measure_b, config: {metrics: metrics, inference: decode_b}}`` beside ``measure_a``
with ``decode_a``; one that needs another inference of the same config.
Fails: ``measure_b`` with ``decode_a`` as well.
"""

from collections.abc import Iterator

from espnet3_compiler.checks.stages.same_work import words_of
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.manifest.recipe import Recipe, Resolved, StageDecl
from espnet3_compiler.manifest.stage_kinds import stages_of_kind


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R432."""
    del resolved
    alike: dict[object, list[StageDecl]] = {}
    for stage in stages_of_kind("measure", recipe) if recipe.complete else ():
        needs = frozenset(str(need.value) for need in stage.needs)
        alike.setdefault((frozenset(_configs_of(stage).items()), needs), []).append(stage)
    for group in (group for group in alike.values() if len(group) > 1):
        first = max(group, key=_fit_of)
        for stage in group:
            if stage.name.span.text != first.name.span.text:
                yield _same_scores(first, stage, recipe)


def _configs_of(stage: StageDecl) -> dict[str, str]:
    return {one.role: one.config for one in stage.configs}


def _fit_of(stage: StageDecl) -> int:
    """Return how many words of a stage's name are in those of its configs."""
    words = words_of(str(stage.name.value))
    return sum(len(words & words_of(one.config)) for one in stage.configs)


def _same_scores(first: StageDecl, second: StageDecl, recipe: Recipe) -> Diagnostic:
    unread = _unscored_configs(recipe)
    advice = "give it a config of its own, or remove it"
    if len(unread) == 1:
        advice = f'did you mean "{unread[0]}", whose results no stage scores?'
    binding = next((one for one in second.configs if one.role == "inference"), second.configs[0])
    return Diagnostic(
        "R432",
        f'stages "{first.name.value}" and "{second.name.value}" score the same results',
        Label(binding.span, "scored already"),
        related=(Label(first.name.span, "by this stage"),),
        help=(advice,),
    )


def _unscored_configs(recipe: Recipe) -> list[str]:
    """Return the inference configs whose results no stage scores."""
    inferred, read = (
        [_configs_of(stage).get("inference") for stage in stages_of_kind(kind, recipe)]
        for kind in ("infer", "measure")
    )
    return [config for config in inferred if config and config not in read]
