"""Artifacts that a stage cannot do without, and stages that make them.

Passes: ``infer`` with ``checkpoint: ${stages.train.best_checkpoint}``; ``measure`` after ``infer``.
Fails: ``infer`` without ``checkpoint`` and ``model``; ``measure`` in a recipe without ``infer``.
"""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Edit, Fix, Label
from espnet3_compiler.diagnostics.source import Span
from espnet3_compiler.diagnostics.suggest import closest_match
from espnet3_compiler.manifest.recipe import Recipe, Resolved, StageDecl
from espnet3_compiler.manifest.stage_kinds import is_custom_kind, kind_spec, stage_kind
from espnet3_compiler.stage_graph.kind_edges import needs_kind
from espnet3_compiler.stage_graph.stage_inputs import may_have_model, outputs_of
from espnet3_compiler.syntax.provenance import provenance_labels, use_location
from espnet3_compiler.syntax.span_key import first_per_location
from espnet3_compiler.syntax.tree import Mapping, Scalar, node_at
from espnet3_compiler.syntax.unknown_name import did_you_mean, format_names, spelling_fix
from espnet3_schemas import TARGET, load

_CHECKPOINT_OUTPUT = "best_checkpoint"
_WEIGHT_SUFFIXES = (".ckpt", ".pth", ".pt", ".safetensors")

_KEPT_CHECKPOINTS = re.compile(r"(?:epoch|averaged_).*")
"""Checkpoints that training keeps beside its outputs, by what they are called."""


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R411 where nothing makes what a stage reads."""
    if not recipe.complete:
        return
    present = {stage_kind(stage) for stage in recipe.stages}
    stages = [stage for stage in recipe.stages if not is_custom_kind(stage, recipe)]
    for stage in stages:
        for kind in kind_spec(stage)["consumes"]:
            if needs_kind(stage, kind) and kind not in present and not recipe.system.own:
                yield _no_stage(stage, kind)
    yield from first_per_location(
        found for one in stages for found in _check_checkpoint(one, recipe, resolved)
    )


def _no_stage(stage: StageDecl, kind: str) -> Diagnostic:
    return Diagnostic(
        code="R411",
        message=f'stage "{stage.name.value}" reads what {kind} writes, and no stage runs {kind}',
        primary=Label(stage.name.span, f"needs a stage of kind {kind} before it"),
        help=(f"add the stage {kind} before it",),
    )


def _check_checkpoint(stage: StageDecl, recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Report an infer stage without weights, or with weights in no stage's directory."""
    if stage_kind(stage) != "infer":
        return
    for binding in stage.configs:
        config = resolved.configs.get(binding.config)
        if binding.role != "inference" or config is None or may_have_model(stage, resolved):
            continue
        node = config.get("checkpoint")
        if isinstance(node, Scalar) and isinstance(node.value, str):
            yield from _check_checkpoint_path(node, recipe, resolved)
        elif isinstance(node, Scalar) and node.value is None and _is_default_provider(config):
            yield _no_checkpoint(stage, binding.config, node, recipe)


def loads_weights(stage: StageDecl, resolved: Resolved) -> bool:
    """Return whether an infer stage loads a checkpoint into a model that is given to it."""
    configs = [resolved.configs.get(b.config) for b in stage.configs if b.role == "inference"]
    config = configs[0] if configs else None
    if stage_kind(stage) != "infer" or config is None:
        return False
    node = config.get("checkpoint")
    return isinstance(node, Scalar) and node.value is not None and _is_default_provider(config)


def _is_default_provider(config: Mapping) -> bool:
    given = node_at(config, ("provider", TARGET))
    usual = load("inference")["properties"]["provider"]["default"][TARGET]
    return isinstance(given, Scalar) and given.value == usual


def _no_checkpoint(stage: StageDecl, config: str, node: Scalar, recipe: Recipe) -> Diagnostic:
    trains = [str(other.name.value) for other in recipe.stages if stage_kind(other) == "train"]
    hint = "write checkpoint: and a path, or model: and a target that loads its own weights"
    if trains:
        hint = f"write checkpoint: ${{stages.{trains[-1]}.{_CHECKPOINT_OUTPUT}}}"
    written = node.span.source.kind == "file"
    return Diagnostic(
        code="R411",
        message=f'stage "{stage.name.value}" has no checkpoint to load',
        primary=Label(node.span, "null")
        if written
        else Label(stage.name.span, f'config "{config}" has no checkpoint'),
        help=(hint,),
        fix=Fix(
            "take the checkpoint of training",
            (Edit(node.span, f"${{stages.{trains[-1]}.{_CHECKPOINT_OUTPUT}}}"),),
        )
        if written and trains
        else None,
    )


def _check_checkpoint_path(
    node: Scalar, recipe: Recipe, resolved: Resolved
) -> Iterator[Diagnostic]:
    """Report a checkpoint below exp_dir in the directory of no stage."""
    exp_dir = PurePosixPath(resolved.globals.get("exp_dir", "exp"))
    path = PurePosixPath(str(node.value))
    if "${" in path.as_posix() or "${" in exp_dir.as_posix() or exp_dir not in path.parents:
        return
    directory, *rest = path.relative_to(exp_dir).parts
    stages = {str(stage.name.value): stage for stage in recipe.stages}
    if not rest or _written_by_call(path, recipe, resolved):
        return
    at = len(exp_dir.parts)
    if directory not in stages:
        yield _unknown_part(node, path, at, list(stages), "no stage is called")
    elif len(rest) == 1 and stage_kind(stages[directory]) == "train":
        written = _weight_files(stages[directory], recipe)
        if rest[0] not in written and not _KEPT_CHECKPOINTS.fullmatch(rest[0]) and written:
            yield _unknown_part(node, path, at + 1, written, f'stage "{directory}" writes no')


def _weight_files(stage: StageDecl, recipe: Recipe) -> list[str]:
    """Return the files with weights that a training stage writes."""
    outputs = {} if is_custom_kind(stage, recipe) else outputs_of(stage, recipe) or {}
    return [path for path in outputs.values() if path.endswith(_WEIGHT_SUFFIXES)]


def _unknown_part(
    node: Scalar, path: PurePosixPath, index: int, known: list[str], label: str
) -> Diagnostic:
    """R411: one part of a path, by its number, is none of those that are known."""
    before, part, behind = path.parts[:index], path.parts[index], path.parts[index + 1 :]
    near = closest_match(part, known)
    at = node.span.text.rfind("/" + "/".join((part, *behind))) + 1
    spot = Span(node.span.source, node.span.start + at, node.span.start + at + len(part))
    whole = str(PurePosixPath(*before, near, *behind)) if near else None
    return Diagnostic(
        code="R411",
        message=f'no stage writes "{path}"',
        primary=Label(use_location(node), f'{label} "{part}"'),
        related=provenance_labels(node),
        help=did_you_mean(whole, f"known are {format_names(known)}"),
        fix=spelling_fix(spot, part, near, known) if at and not node.via else None,
    )


def _written_by_call(path: PurePosixPath, recipe: Recipe, resolved: Resolved) -> bool:
    for stage in recipe.stages:
        call = resolved.calls.get(str(stage.name.value))
        outputs = node_at(call, ("outputs",)) if call else None
        for entry in outputs if isinstance(outputs, Mapping) else ():
            made = PurePosixPath(str(getattr(entry.value, "value", "")))
            if made == path or made in path.parents:
                return True
    return False
