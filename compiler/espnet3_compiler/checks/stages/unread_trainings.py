"""Trainings whose weights nothing reads, although those of every other training are read.

Passes: three trainings of one model, each but the first with ``init_from`` of the one before, and
an infer stage that reads a checkpoint of the last; a training after which nothing infers.
Fails: the same where the infer stage still reads a checkpoint of the second; one training that
nothing reads, and an infer stage whose config makes a model of that class without weights.

Of two trainings one that starts from nothing may be there for its curves, and one on a part of the
data to see whether all works. One that starts a new model from the weights of an old one, which
only stages with the old model read, may show whether that start helps. A ``call`` stage that is
given the directory of the experiment, the name of the training or the context may read any of them.
"""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from espnet3_compiler.checks.findings import value_finding
from espnet3_compiler.checks.targets.call_stages import CONTEXT_PARAMETER
from espnet3_compiler.checks.training.trial_runs import LIMITS, TRIALS
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.manifest.recipe import Recipe, Resolved, StageDecl
from espnet3_compiler.manifest.stage_kinds import is_custom_kind, stage_kind, stages_of_kind
from espnet3_compiler.manifest.values import text_of
from espnet3_compiler.signature.read import read
from espnet3_compiler.signature.result import Signature
from espnet3_compiler.stage_graph.graph import StageEdge, stage_edges
from espnet3_compiler.stage_graph.kind_edges import stage_name
from espnet3_compiler.stage_graph.stage_inputs import (
    certain_config,
    leaves_read_by,
    model_of,
    output_uses,
)
from espnet3_compiler.syntax.span_key import span_key
from espnet3_compiler.syntax.tree import Mapping, Scalar, is_null, walk_scalars
from espnet3_schemas import TARGET

_USERS = ("infer", "pack_model")
_FEW = 2
"""Trainings of which one, that starts from nothing, may be there for its curves."""


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R818."""
    trainings = {stage_name(one): one for one in stages_of_kind("train", recipe)}
    if not trainings or not is_all_known(recipe, resolved):
        return
    edges = stage_edges(recipe, resolved)
    read = {edge.producer for edge in edges}
    unread = [one for name, one in trainings.items() if name not in read]
    users = {stage_name(one) for one in recipe.stages if stage_kind(one) in _USERS}
    if unread and len(trainings) == 1:
        yield from _check_untrained(unread[0], recipe, resolved)
    used = any(edge.producer in trainings and edge.consumer in users for edge in edges)
    if len(unread) != 1 or not used or may_be_read(unread[0], recipe, resolved):
        return
    name = stage_name(unread[0])
    starts = {edge.producer for edge in edges if edge.consumer == name} & {*trainings}
    earlier = [one for one in edges if one.producer in starts and one.consumer != name]
    several = len(trainings) > _FEW and not _is_trial(unread[0], resolved)
    if _may_be_meant(unread[0], earlier, recipe) if starts else several:
        yield _finding(unread[0], earlier)


def _check_untrained(
    training: StageDecl, recipe: Recipe, resolved: Resolved
) -> Iterator[Diagnostic]:
    """Report inference with new weights, after the only training: of that class, and not read."""
    model = model_of(training, resolved)
    trained = text_of(model.get(TARGET)) if model else None
    if trained is None or may_be_read(training, recipe, resolved):
        return
    for stage in stages_of_kind("infer", recipe):
        config = certain_config(stage, "inference", resolved)
        own = config.get("model") if config and is_null(config.get("checkpoint")) else None
        path = own.get(TARGET) if isinstance(own, Mapping) else None
        after = recipe.stages.index(stage) > recipe.stages.index(training)
        if after and isinstance(path, Scalar) and path.value == trained:
            yield _untrained(stage, training, path)


def _untrained(stage: StageDecl, training: StageDecl, path: Scalar) -> Diagnostic:
    name = stage_name(training)
    return value_finding(
        "R818",
        f'stage "{stage.name.value}" makes a model anew, and no stage reads what "{name}" trains',
        path,
        "random weights",
        related=(Label(training.name.span, "trains this class"),),
        advice=(f"write checkpoint: ${{stages.{name}.best_checkpoint}} beside model",),
    )


def _may_be_meant(training: StageDecl, earlier: list[StageEdge], recipe: Recipe) -> bool:
    """Return whether what reads an earlier phase can read a training, too: the model is the same.

    Args:
        training: The training that nothing reads.
        earlier: What else is read of the trainings that it starts from.
        recipe: The recipe.
    """
    models = {stage_name(one): one.model.value for one in recipe.stages if one.model}
    own = models.get(stage_name(training))
    return not earlier or any(models.get(one.consumer, own) == own for one in earlier)


def is_all_known(recipe: Recipe, resolved: Resolved) -> bool:
    """Return whether all that the stages read is known."""
    if not recipe.complete or resolved.incomplete or resolved.invalid:
        return False
    return not any(is_custom_kind(stage, recipe) for stage in recipe.stages)


def _is_trial(training: StageDecl, resolved: Resolved) -> bool:
    """Return whether a training takes a part of the data only, to see whether all works."""
    config = certain_config(training, "training", resolved)
    trainer = config.get("trainer") if config else None
    return isinstance(trainer, Mapping) and any(map(trainer.entry, (*TRIALS, *LIMITS)))


def may_be_read(producer: StageDecl, recipe: Recipe, resolved: Resolved) -> bool:
    """Return whether a later stage may read what a stage makes without saying so in a reference.

    Args:
        producer: The stage that makes it.
        recipe: The recipe.
        resolved: The values of the configs.
    """
    own = PurePosixPath(resolved.globals.get("exp_dir", "exp")) / stage_name(producer)
    after = recipe.stages[recipe.stages.index(producer) + 1 :]
    return any(_may_read(stage, own, recipe, resolved) for stage in after)


def _may_read(
    stage: StageDecl, directory: PurePosixPath, recipe: Recipe, resolved: Resolved
) -> bool:
    if stage.call and _is_told_of(stage, directory, recipe, resolved):
        return True
    for leaf in leaves_read_by(stage, recipe, resolved):
        text = leaf.node.value
        if not isinstance(text, str):
            continue
        if text and PurePosixPath(text) in (directory, *directory.parents[:-1]):
            return True
        if leaf.path[0] == "checkpoint" and "${" in text and not any(output_uses(leaf.node)):
            return True
    return False


def _is_told_of(
    stage: StageDecl, directory: PurePosixPath, recipe: Recipe, resolved: Resolved
) -> bool:
    """Return whether a call is given the training by its name, by a pattern or by the context."""
    block = resolved.calls.get(stage_name(stage))
    given = block.get("with") if block else None
    texts = [str(leaf.value) for _, leaf in walk_scalars(given)] if given else []
    if not texts or any("*" in one or _has_word(one, directory.name) for one in texts):
        return True
    signature = read(recipe.library, str(stage.call.value)) if stage.call else None
    return not isinstance(signature, Signature) or signature.find(CONTEXT_PARAMETER) is not None


def _has_word(text: str, word: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text) is not None


def _finding(training: StageDecl, earlier: list[StageEdge]) -> Diagnostic:
    """Return R818, with the stages that read an earlier phase.

    Args:
        training: The training that nothing reads.
        earlier: What else is read of the trainings that it starts from.
    """
    name = stage_name(training)
    spans = {span_key(edge.span): (edge, edge.span) for edge in reversed(earlier) if edge.span}
    readers = [*reversed(spans.values())]
    labels = [Label(span, f"{edge.consumer} reads {edge.producer}") for edge, span in readers]
    return Diagnostic(
        "R818",
        f'no stage reads what "{name}" trains',
        Label(training.name.span, "read by none"),
        related=tuple(labels),
        help=(
            *(f'did you mean "{name}", where {label.text}?' for label in labels),
            "start another training from it, read a checkpoint of it, or remove the stage",
        ),
    )
