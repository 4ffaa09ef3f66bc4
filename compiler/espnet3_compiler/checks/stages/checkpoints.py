"""Checkpoints: those that a training does not write, and those of another model.

Passes: ``checkpoint: ${stages.train.averaged_checkpoint}`` after a training with ``average: true``.
Fails: the same with ``average: false``; ``fit: {ckpt_path: last}``; the checkpoint of a stage that
trains ``large`` in an infer or pack stage with ``model: small``, which another stage trains.
"""

from collections.abc import Iterator

from espnet3_compiler.checks.stages.missing_artifacts import loads_weights
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.diagnostics.source import Span
from espnet3_compiler.manifest.recipe import Recipe, Resolved, StageDecl
from espnet3_compiler.manifest.stage_kinds import stage_kind, stages_of_kind
from espnet3_compiler.stage_graph.stage_inputs import (
    bound_config,
    certain_config,
    may_have_model,
    output_uses,
    outputs_read_by,
)
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.span_key import first_per_location
from espnet3_compiler.syntax.tree import Scalar, is_null, node_at

_AVERAGED = "averaged_checkpoint"
_WEIGHTS_ONLY = (_AVERAGED, "best_checkpoint", "task_weights")


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R416 for checkpoints that are not written, R417 for those of another model."""
    trainings = {str(one.name.value): one for one in stages_of_kind("train", recipe)}
    by_model: dict[object, list[str]] = {}
    for name, one in trainings.items():
        if one.model is not None and _builds_declared(one, resolved):
            by_model.setdefault(one.model.value, []).append(name)
    found = [
        finding
        for stage in recipe.stages
        for finding in (
            *_check_averages(stage, trainings, recipe, resolved),
            *_check_model(stage, trainings, by_model, recipe, resolved),
        )
    ]
    for stage in trainings.values():
        found += _check_resumption(stage, trainings, resolved)
    yield from first_per_location(found)


def _check_averages(
    stage: StageDecl, trainings: dict[str, StageDecl], recipe: Recipe, resolved: Resolved
) -> Iterator[Diagnostic]:
    for use in outputs_read_by(stage, recipe, resolved):
        if use.output == _AVERAGED and use.stage in trainings:
            config = certain_config(trainings[use.stage], "training", resolved)
            average = config.get("average") if config else None
            if isinstance(average, Scalar) and average.value is False:
                yield _no_average(use.stage, use.span, average)


def _no_average(name: str, span: Span, average: Scalar) -> Diagnostic:
    return Diagnostic(
        "R416",
        f'stage "{name}" writes no {_AVERAGED}: its config has average: false',
        Label(span, "never written"),
        related=(Label(use_location(average), "no average"),),
        help=(f"write average: true, or read ${{stages.{name}.best_checkpoint}}",),
    )


def _check_resumption(
    stage: StageDecl, trainings: dict[str, StageDecl], resolved: Resolved
) -> Iterator[Diagnostic]:
    """Report ``fit.ckpt_path`` with weights alone: a training goes on from a full state."""
    config = bound_config(stage, "training", resolved)
    node = node_at(config, ("fit", "ckpt_path")) if config else None
    for name, output, span in output_uses(node) if isinstance(node, Scalar) else ():
        if name in trainings and output in _WEIGHTS_ONLY:
            yield Diagnostic(
                "R416",
                f'"{output}" holds weights only, and a training cannot go on from them',
                Label(span, "no state of the optimizer"),
                help=(
                    (
                        f"write ${{stages.{name}.last_checkpoint}} to go on, "
                        f"or init_from: {name} at the stage to start from these weights"
                    ),
                ),
            )


def _check_model(
    stage: StageDecl,
    trainings: dict[str, StageDecl],
    by_model: dict[object, list[str]],
    recipe: Recipe,
    resolved: Resolved,
) -> Iterator[Diagnostic]:
    """Report weights of another model, where a training of the stage's own model exists.

    Args:
        stage: A stage.
        trainings: The training stages by name.
        by_model: The names of those that build a model of the manifest, by its name.
        recipe: The recipe.
        resolved: The values of the configs.
    """
    config = bound_config(stage, "inference", resolved)
    if stage.model is None or config is None or not loads_weights(stage, resolved):
        return
    own = by_model.get(stage.model.value, [])
    node = config.get("checkpoint") if is_null(config.get("model")) else None
    for name, _, span in output_uses(node) if isinstance(node, Scalar) and own else ():
        other = trainings.get(name)
        if other is None or other.model is None or not _builds_declared(other, resolved):
            continue
        if other.model.value != stage.model.value:
            fitting = _is_read_with(other.model.value, stage, recipe, resolved)
            yield _other_model(stage, other, span, "" if fitting else own[-1])


def _is_read_with(model: object, stage: StageDecl, recipe: Recipe, resolved: Resolved) -> bool:
    """Return whether another stage loads the checkpoint of a stage's config into a model."""
    configs = [one.config for one in stage.configs if one.role == "inference"]
    return any(
        one.model is not None
        and one.model.value == model
        and loads_weights(one, resolved)
        and configs == [binding.config for binding in one.configs if binding.role == "inference"]
        for one in recipe.stages
    )


def _builds_declared(training: StageDecl, resolved: Resolved) -> bool:
    """Return whether a training builds a model of the manifest, not one of its config."""
    return training.model is not None and not may_have_model(training, resolved)


def _other_model(stage: StageDecl, training: StageDecl, span: Span, own: str) -> Diagnostic:
    """Return R417, at the stage's model where the checkpoint is certainly meant.

    Args:
        stage: The stage that loads the weights.
        training: The stage that writes them.
        span: Where the checkpoint is named.
        own: A training of the stage's model; empty where another stage reads the checkpoint well.
    """
    assert stage.model is not None
    assert training.model is not None
    verb, into = ("packs", "with") if stage_kind(stage) == "pack_model" else ("loads", "into")
    weights = Label(span, f'stage "{training.name.value}" trains {training.model.value}')
    mine = Label(stage.model.span, "the model of this stage")
    primary, related = (weights, mine) if own else (mine, weights)
    theirs = Label(training.model.span, f'the model of stage "{training.name.value}"')
    advice = f"give the stage model: {training.model.value}"
    return Diagnostic(
        "R417",
        f'stage "{stage.name.value}" {verb} weights of model "{training.model.value}" '
        f'{into} model "{stage.model.value}"',
        primary,
        related=(related, theirs),
        help=(f"{advice}, or read a checkpoint of {own}" if own else advice,),
    )
