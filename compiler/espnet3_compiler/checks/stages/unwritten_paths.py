"""Files in the directory of the experiment that models and configs name and that no stage writes.

Passes: ``stats: ${stages.collect_stats.feats_stats}``; a file that is there; one below a path that
a ``call`` is given; one of another experiment, which may lie on another machine.
Fails: ``stats_file: ${exp_dir}/asr_stats/feats_stats.npz``, as another toolkit calls it;
``${exp_dir}/save/pretrained`` where the call ``save`` writes ``${exp_dir}/pretrained``.

The ``checkpoint`` of an inference config is judged in ``missing_artifacts``.
"""

import re
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from pathlib import PurePosixPath

from espnet3_compiler.checks.findings import value_finding
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Edit, Fix
from espnet3_compiler.expressions.template import has_reference, is_unresolved
from espnet3_compiler.filesystem import path_exists
from espnet3_compiler.manifest.recipe import Recipe, Resolved, StageDecl
from espnet3_compiler.manifest.stage_kinds import sample_readers, stage_kind
from espnet3_compiler.stage_graph.stage_inputs import (
    builds_model,
    call_outputs,
    leaves_read_by,
    outputs_of,
)
from espnet3_compiler.syntax.provenance import is_fixable
from espnet3_compiler.syntax.span_key import first_per_location, is_written
from espnet3_compiler.syntax.tree import Scalar, walk_scalars

_NOT_READ = ("checkpoint", "init_from", "trainer", "fit", "parallel", "output_artifacts")
"""Keys of files that are judged elsewhere, or that are written."""

_FILE = re.compile(r"[^\s:*?<>|{}]+/[^\s/:*?<>|{}]+\.[A-Za-z]\w{0,11}")


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R411."""
    exp_dir = resolved.globals.get("exp_dir", "exp")
    if not recipe.complete or recipe.system.own or has_reference(exp_dir):
        return
    readers = [
        one for one in recipe.stages if stage_kind(one) in sample_readers() and builds_model(one)
    ]
    called = _called_paths(recipe, resolved)
    made = {
        PurePosixPath(str(node.value)).name
        for stage in recipe.stages
        for _, node in call_outputs(stage, resolved)
    }
    yield from first_per_location(
        _finding(node, _producer_of(PurePosixPath(str(node.value)), recipe))
        for stage in readers
        for node in _file_names(stage, made, recipe, resolved)
        if _is_unwritten(PurePosixPath(str(node.value)), PurePosixPath(exp_dir), called, recipe)
    )


def _file_names(
    stage: StageDecl, made: AbstractSet[str], recipe: Recipe, resolved: Resolved
) -> Iterator[Scalar]:
    """Yield the paths of files that a stage reads, and those with the name of an output of a call.

    Args:
        stage: The stage.
        made: These names.
        recipe: The recipe.
        resolved: The values of its configs.
    """
    for leaf in leaves_read_by(stage, recipe, resolved):
        if _is_file_name(leaf.node, made) and leaf.path[:1] not in [(key,) for key in _NOT_READ]:
            yield leaf.node


def _is_file_name(node: Scalar, made: AbstractSet[str]) -> bool:
    text = node.value
    if not isinstance(text, str) or is_unresolved(node) or not is_written(node):
        return False
    steps = text.split("/")
    named = len(steps) > 1 and steps[-1] in made
    return (named or bool(_FILE.fullmatch(text))) and ".." not in steps


def _is_unwritten(
    path: PurePosixPath, exp_dir: PurePosixPath, called: AbstractSet[PurePosixPath], recipe: Recipe
) -> bool:
    """Return whether a path is in the directory of the experiment, where nothing writes it.

    Args:
        path: A file.
        exp_dir: The directory of this recipe's experiment.
        called: The paths that calls are given, or have as outputs.
        recipe: The recipe.
    """
    if not path.is_relative_to(exp_dir) or exp_dir.is_absolute() or path == exp_dir:
        return False
    name, *rest = path.relative_to(exp_dir).parts
    stage = recipe.stages_by_name.get(name)
    parts = [recipe.stages_by_name.get(part) for part in path.parts]
    calls = [one for one in parts if one and one.call]
    if (calls and not _is_elsewhere(path, calls, stage, recipe)) or not called.isdisjoint(
        (path, *path.parents)
    ):
        return False  # a call may write it
    if path_exists(recipe.directory / path):
        return False
    if calls:
        return True
    return stage is None or _is_misplaced("/".join(rest), stage, recipe)


def _is_elsewhere(
    path: PurePosixPath, calls: list[StageDecl], stage: StageDecl | None, recipe: Recipe
) -> bool:
    """Return whether a call writes a path's name, outside the directory that the path is in.

    Args:
        path: A path in the directory of the experiment.
        calls: The calls whose names are in it.
        stage: The stage in whose directory it is.
        recipe: The recipe.
    """
    if stage is None or calls != [stage]:
        return False
    written = [PurePosixPath(file) for file in (outputs_of(stage, recipe) or {}).values()]
    inside = any(stage.name.value in file.parts for file in written)
    return not inside and path.name in [file.name for file in written]


def _called_paths(recipe: Recipe, resolved: Resolved) -> set[PurePosixPath]:
    """Return the texts that calls are given, and their outputs, as paths."""
    found = set()
    for stage in recipe.stages:
        if stage.call:
            block = resolved.calls.get(str(stage.name.value), stage.name)
            given = [node for _, node in walk_scalars(block)]
            given += [node for _, node in call_outputs(stage, resolved)]
            texts = [node.value for node in given if isinstance(node.value, str)]
            found |= {PurePosixPath(text) for text in texts if text}
    return found


def _is_misplaced(rest: str, stage: StageDecl, recipe: Recipe) -> bool:
    """Return whether a stage writes a file of that name, in another folder of its directory."""
    written = list((outputs_of(stage, recipe) or {}).values())
    names = {PurePosixPath(file).name for file in written}
    return rest not in written and PurePosixPath(rest).name in names


def _producer_of(path: PurePosixPath, recipe: Recipe) -> str | None:
    """Return the reference to the output of the same file name, if there is one."""
    for stage in recipe.stages:
        for name, file in (outputs_of(stage, recipe) or {}).items():
            named = not stage.call or str(stage.name.value) in path.parts
            if PurePosixPath(file).name == path.name and named:
                return f"${{stages.{stage.name.value}.{name}}}"
    return None


def _finding(node: Scalar, producer: str | None) -> Diagnostic:
    fix, advice = None, "write a file that is there, or the output of a stage"
    if producer:
        advice = f'write "{producer}"'
        fix = Fix(advice, (Edit(node.span, f'"{producer}"'),)) if is_fixable(node) else None
    return value_finding(
        "R411",
        f'no stage writes "{node.value}", and it is not there',
        node,
        "in the directory of experiments",
        advice=(advice,),
        fix=fix,
    )
