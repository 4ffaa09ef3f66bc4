"""Stages that score the results of an inference again: a line that was copied.

Passes: ``{name: measure_b, config: {metrics: metrics, inference: decode_b}}`` beside ``measure_a``
with ``decode_a``; one that needs another inference of the same config; one with other metrics.
Fails: ``measure_b`` with ``decode_a`` as well; the same with metrics of its own, if no stage
scores or reads the results of ``decode_b``.
"""

from collections.abc import Iterator

from espnet3_compiler.checks.stages.same_work import words_of
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.manifest.recipe import Recipe, Resolved, StageDecl
from espnet3_compiler.manifest.stage_kinds import stages_of_kind
from espnet3_compiler.stage_graph.graph import stage_edges
from espnet3_compiler.stage_graph.kind_edges import stage_name


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R432."""
    alike: dict[object, list[StageDecl]] = {}
    for stage in stages_of_kind("measure", recipe) if recipe.complete else ():
        needs = frozenset(str(need.value) for need in stage.needs)
        alike.setdefault((frozenset(_configs_of(stage).items()), needs), []).append(stage)
    for group in (group for group in alike.values() if len(group) > 1):
        first = max(group, key=_fit_of)
        for stage in group:
            if stage.name.span.text != first.name.span.text:
                yield _same_scores(first, stage, recipe)
    scored = len(alike) == sum(map(len, alike.values()))
    yield from _check_unscored(recipe, resolved) if scored and len(alike) > 1 else ()


def _check_unscored(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Report a stage that scores again what another scores, and is called as what none does."""
    measures = list(stages_of_kind("measure", recipe))
    for infer in _unscored_stages(recipe, resolved):
        called = [one for one in measures if _is_called_as(one, infer)]
        config = _configs_of(called[0]).get("inference") if called else None
        first = [one for one in measures if _configs_of(one).get("inference") == config]
        others = [one for one in first if one not in called]
        if len(called) == 1 and config and others:
            yield _other_scores(others[0], called[0], infer)


def _unscored_stages(recipe: Recipe, resolved: Resolved) -> list[StageDecl]:
    """Return the stages that infer, and whose results no stage scores or reads."""
    unread = set(_unscored_configs(recipe))
    if not unread:
        return []
    read = {edge.producer for edge in stage_edges(recipe, resolved)}
    found = [one for one in stages_of_kind("infer", recipe) if stage_name(one) not in read]
    return [one for one in found if _configs_of(one).get("inference") in unread]


def _is_called_as(measure: StageDecl, infer: StageDecl) -> bool:
    """Return whether a word of a stage that scores is in the config of one that infers, only."""
    given = _configs_of(measure).get("inference", "")
    words = words_of(stage_name(measure)) - words_of(given)
    return bool(words & words_of(_configs_of(infer)["inference"]))


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


def _other_scores(first: StageDecl, second: StageDecl, unread: StageDecl) -> Diagnostic:
    """Return R432 for a stage with other metrics.

    Args:
        first: The stage that scores the results already.
        second: The stage that scores them again.
        unread: The stage whose results none scores.
    """
    binding = next(one for one in second.configs if one.role == "inference")
    meant = _configs_of(unread)["inference"]
    return Diagnostic(
        "R432",
        f'stage "{stage_name(second)}" scores the results that "{stage_name(first)}" scores, '
        f'and none those of "{stage_name(unread)}"',
        Label(binding.span, "scored already"),
        related=(Label(unread.name.span, "scored by none"), Label(first.name.span, "scores these")),
        help=(f'did you mean "{meant}"?',),
    )


def _unscored_configs(recipe: Recipe) -> list[str]:
    """Return the inference configs whose results no stage scores."""
    inferred, read = (
        [_configs_of(stage).get("inference") for stage in stages_of_kind(kind, recipe)]
        for kind in ("infer", "measure")
    )
    return [config for config in inferred if config and config not in read]
