"""Artifacts that a stage requires, and the stages that make them.

Passes: ``infer`` with ``checkpoint: ${stages.train.best_checkpoint}``; ``measure`` after ``infer``.
Fails: ``infer`` without ``checkpoint`` and ``model``; ``measure`` in a recipe without ``infer``;
``${exp_dir}/train_tokenizer/token.txt``, as the stage writes ``tokens.txt``.
"""

import re
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from itertools import takewhile
from pathlib import PurePosixPath

from espnet3_compiler.checks.findings import value_finding
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Edit, Fix, Label
from espnet3_compiler.diagnostics.source import Span
from espnet3_compiler.diagnostics.suggest import closest_match, is_certain_match
from espnet3_compiler.filesystem import path_exists
from espnet3_compiler.manifest.recipe import Recipe, Resolved, StageDecl
from espnet3_compiler.manifest.stage_kinds import is_custom_kind, stage_kind
from espnet3_compiler.stage_graph.graph import INIT_OUTPUT
from espnet3_compiler.stage_graph.kind_edges import needs_kind
from espnet3_compiler.stage_graph.stage_inputs import (
    bound_config,
    call_outputs,
    leaves_read_by,
    may_have_model,
    outputs_of,
)
from espnet3_compiler.syntax.span_key import first_per_location
from espnet3_compiler.syntax.tree import Mapping, Scalar, node_at
from espnet3_compiler.syntax.unknown_name import did_you_mean, format_names, spelling_fix
from espnet3_schemas import TARGET, load

_WEIGHT_SUFFIXES = (".ckpt", ".pth", ".pt", ".safetensors")

_KEPT_CHECKPOINTS = r"(?:epoch|averaged_).*"
"""The file names of checkpoints that training keeps beside its outputs."""

_OTHER_FILES = rf"{_KEPT_CHECKPOINTS}|.*_stats\.npz|.*\.log"
"""Files beside the outputs of a stage: of a Dataset's own features each has its statistics."""


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R411 where no stage makes an artifact that a stage reads."""
    if not recipe.complete:
        return
    present = {stage_kind(stage) for stage in recipe.stages}
    stages = [stage for stage in recipe.stages if not is_custom_kind(stage, recipe)]
    for stage in stages:
        for kind in stage.spec["consumes"]:
            is_optional = recipe.system.specs.get(kind, {}).get("optional")
            if kind in present or is_optional or recipe.system.own:
                continue
            if needs_kind(stage, kind, recipe):
                text = (
                    f'stage "{stage.name.value}" reads what {kind} writes, and no stage runs {kind}'
                )
                label = Label(stage.name.span, f"needs a stage of kind {kind} before it")
                yield Diagnostic("R411", text, label, help=(f"add the stage {kind} before it",))
    read = [stage for stage in stages if not stage.call]  # a call may write to any path
    called = [node for one in recipe.stages for _, node in call_outputs(one, resolved)]
    made = {PurePosixPath(str(node.value)) for node in called}
    paths = [found for one in read for found in _check_paths(one, made, recipe, resolved)]
    checkpoints = [
        found for one in stages for found in _check_checkpoint(one, made, recipe, resolved)
    ]
    yield from first_per_location([*checkpoints, *paths])


def _check_checkpoint(
    stage: StageDecl, made: AbstractSet[PurePosixPath], recipe: Recipe, resolved: Resolved
) -> Iterator[Diagnostic]:
    """Report an infer stage without weights, or with weights in no stage's directory."""
    config = bound_config(stage, "inference", resolved)
    if stage_kind(stage) != "infer" or config is None or may_have_model(stage, resolved):
        return
    node = config.get("checkpoint")
    if isinstance(node, Scalar) and isinstance(node.value, str):
        yield from _check_checkpoint_path(node, made, recipe, resolved)
    elif isinstance(node, Scalar) and node.value is None and has_default_provider(config):
        yield _no_checkpoint(stage, node, recipe)


def loads_weights(stage: StageDecl, resolved: Resolved) -> bool:
    """Return whether a stage loads, or packs, a checkpoint for the model of the manifest."""
    config = bound_config(stage, "inference", resolved)
    if stage_kind(stage) not in ("infer", "pack_model") or config is None:
        return False
    node = config.get("checkpoint")
    return isinstance(node, Scalar) and node.value is not None and has_default_provider(config)


def has_default_provider(config: Mapping) -> bool:
    """Return whether an inference config builds its model as it does unless told otherwise."""
    given = node_at(config, ("provider", TARGET))
    default = load("inference")["properties"]["provider"]["default"][TARGET]
    return isinstance(given, Scalar) and given.value == default


def _no_checkpoint(stage: StageDecl, node: Scalar, recipe: Recipe) -> Diagnostic:
    trains = [other.name.value for other in recipe.stages if stage_kind(other) == "train"]
    config = next(binding.config for binding in stage.configs if binding.role == "inference")
    label = Label(stage.name.span, f'config "{config}" has no checkpoint')
    hint = "write checkpoint: and a path, or model: and a target that loads its own weights"
    fix = None
    if node.span.source.kind == "file":
        label = Label(node.span, "null")
    if trains:
        reference = f"${{stages.{trains[-1]}.{INIT_OUTPUT}}}"
        hint = f"write checkpoint: {reference}"
        if node.span.source.kind == "file":
            fix = Fix("take the checkpoint of training", (Edit(node.span, reference),))
    message = f'stage "{stage.name.value}" has no checkpoint to load'
    return Diagnostic("R411", message, label, help=(hint,), fix=fix)


def _check_checkpoint_path(
    node: Scalar, made: AbstractSet[PurePosixPath], recipe: Recipe, resolved: Resolved
) -> Iterator[Diagnostic]:
    """Report a checkpoint below exp_dir in the directory of no stage."""
    exp_dir = PurePosixPath(resolved.globals.get("exp_dir", "exp"))
    path = PurePosixPath(str(node.value))
    if "${" in path.as_posix() or "${" in exp_dir.as_posix() or exp_dir not in path.parents:
        return
    directory, *rest = path.relative_to(exp_dir).parts
    if not rest or not made.isdisjoint((path, *path.parents)):
        return
    stages = recipe.stages_by_name
    index = len(exp_dir.parts)
    if directory not in stages:
        yield _unknown_part(node, path, index, list(stages), "no stage is called")
    elif len(rest) == 1 and stage_kind(stages[directory]) == "train":
        outputs = (outputs_of(stages[directory], recipe) or {}).values()
        written = [file for file in outputs if file.endswith(_WEIGHT_SUFFIXES)]
        if rest[0] not in written and not re.fullmatch(_KEPT_CHECKPOINTS, rest[0]) and written:
            yield _unknown_part(node, path, index + 1, written, f'stage "{directory}" writes no')


def _check_paths(
    stage: StageDecl, made: AbstractSet[PurePosixPath], recipe: Recipe, resolved: Resolved
) -> Iterator[Diagnostic]:
    """Report paths below exp_dir that are a stage's output but for a slip.

    Args:
        stage: The stage that reads them.
        made: The outputs of the ``call`` stages.
        recipe: The recipe.
        resolved: The values of its configs.
    """
    exp_dir = PurePosixPath(resolved.globals.get("exp_dir", "exp"))
    for leaf in leaves_read_by(stage, recipe, resolved):
        text = leaf.node.value
        if not isinstance(text, str) or "/" not in text or "${" in text:
            continue
        path = PurePosixPath(text) if exp_dir.name in text else None
        if path is None or exp_dir not in path.parents:
            continue
        if not made.isdisjoint((path, *path.parents)):
            continue
        if not path_exists(recipe.directory / path):
            yield from _check_path(leaf.node, path, exp_dir, recipe, stage)


def _check_path(
    node: Scalar, path: PurePosixPath, exp_dir: PurePosixPath, recipe: Recipe, reader: StageDecl
) -> Iterator[Diagnostic]:
    """Judge one path: the name of an earlier stage, or that of its file, may be misspelt.

    Args:
        node: The value.
        path: The path that it is.
        exp_dir: Where the stages write.
        recipe: The recipe.
        reader: The stage that reads it.
    """
    directory, *rest = path.relative_to(exp_dir).parts
    earlier = takewhile(lambda stage: stage is not reader, recipe.stages)
    stages = {str(stage.name.value): stage for stage in earlier}
    index = len(exp_dir.parts)
    near = directory if directory in stages else closest_match(directory, stages)
    if near is None or not rest or stages[near].call:
        return
    outputs = list((outputs_of(stages[near], recipe) or {}).values())
    file = "/".join(rest)
    if directory not in stages:
        if file in outputs and is_certain_match(directory, stages):
            yield _unknown_part(node, path, index, list(stages), "no stage is called")
    elif file not in outputs and not re.fullmatch(_OTHER_FILES, rest[-1]):
        known = [PurePosixPath(one).name for one in outputs if one.count("/") == len(rest) - 1]
        meant = closest_match(rest[-1], known)
        sibling = "/".join((*rest[:-1], meant)) if meant else ""
        if sibling in outputs and is_certain_match(rest[-1], known):
            place = index + len(rest)
            yield _unknown_part(node, path, place, known, f'stage "{directory}" writes no')


def _unknown_part(
    node: Scalar, path: PurePosixPath, index: int, known: list[str], label: str
) -> Diagnostic:
    """R411: a part of a path, given by its index, is none of the known names."""
    before, part, behind = path.parts[:index], path.parts[index], path.parts[index + 1 :]
    near = closest_match(part, known)
    offset = node.span.text.rfind("/" + "/".join((part, *behind))) + 1
    start = node.span.start + offset
    span = Span(node.span.source, start, start + len(part))
    meant = str(PurePosixPath(*before, near, *behind)) if near else None
    return value_finding(
        "R411",
        f'no stage writes "{path}"',
        node,
        f'{label} "{part}"',
        advice=did_you_mean(meant, f"known are {format_names(known)}"),
        fix=spelling_fix(span, part, near, known) if offset and not node.via else None,
    )
