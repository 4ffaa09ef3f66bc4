"""Paths that stages write: each is of one stage, and no stage starts from a file that it replaces.

A stage of a kind writes into its own directory ``exp_dir/name``, a ``call`` stage its ``outputs``.

Passes: outputs side by side; several ``create_dataset`` stages, whose builders fill one data_dir.
Fails: two calls with ``outputs: {o: "${exp_dir}/m.txt"}``; one with ``${exp_dir}/train/more.txt``
beside a stage ``train``; ``fit: {ckpt_path: exp/recipe/train/last.ckpt}`` of the stage ``train``.
"""

import os
import posixpath
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from espnet3_compiler.checks.findings import value_finding
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.expressions.template import is_unresolved
from espnet3_compiler.filesystem import real_path
from espnet3_compiler.manifest.recipe import Recipe, Resolved, StageDecl
from espnet3_compiler.stage_graph.stage_inputs import call_outputs, leaves_read_by
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.tree import Scalar

_STARTS = (("init_from",), ("fit", "ckpt_path"), ("checkpoint",))
"""Where stages name the weights that they start from."""


class WrittenPath(Struct, frozen=True):
    """A path that a stage writes, links followed, and the text that says so."""

    stage: StageDecl
    path: Path
    node: Scalar


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R413 for stages that write into each other's outputs, R414 for own ones as a start."""
    owners: dict[str, WrittenPath] = {}
    written = list(written_paths(recipe, resolved))
    position = {id(each): number for number, each in enumerate(written)}
    for each in written:
        owners.setdefault(str(each.path), each)
    for each in written:
        above = map(owners.get, _path_and_folders(str(each.path)))
        other = next((owner for owner in above if owner and owner.stage is not each.stage), None)
        if other:
            yield _shared_path(*sorted((each, other), key=lambda one: position[id(one)]))
    for stage in recipe.stages:
        yield from _check_starts(stage, recipe, resolved)


def _path_and_folders(path: str) -> Iterator[str]:
    """Yield a path and the folders that it lies in, the nearest first."""
    yield path
    while (folder := posixpath.dirname(path)) != path:
        yield folder
        path = folder


def written_paths(recipe: Recipe, resolved: Resolved) -> Iterator[WrittenPath]:
    """Yield the paths that stages write, in the order of the stages.

    Args:
        recipe: The recipe.
        resolved: The values of its configs.
    """
    builds_data = False
    experiment = _experiment(recipe, resolved)
    for stage in recipe.stages:
        for _, node in call_outputs(stage, resolved):
            if not is_unresolved(node):
                yield WrittenPath(stage, real_path(recipe.directory / str(node.value)), node)
        if stage.run:
            yield WrittenPath(stage, _path_in(experiment, str(stage.name.value)), stage.name)
        if stage.run and stage.run.value == "create_dataset" and not builds_data:
            builds_data = True
            data = recipe.directory / resolved.globals.get("data_dir", "data")
            yield WrittenPath(stage, real_path(data), stage.name)


def _experiment(recipe: Recipe, resolved: Resolved) -> Path:
    """Return where the stages have their own directories, links followed."""
    return real_path(recipe.directory / resolved.globals.get("exp_dir", "exp"))


def _path_in(folder: Path, name: str) -> Path:
    """Return a path in a folder of which links were followed; they are only in the name then."""
    path = folder / name
    return path if name.isidentifier() and not os.path.islink(path) else real_path(path)  # noqa: PTH114


def _shared_path(first: WrittenPath, second: WrittenPath) -> Diagnostic:
    names = [f'stage "{each.stage.name.value}"' for each in (first, second)]
    where = "write the same path"
    if first.path != second.path:
        where = "write paths of which one lies in the other"
    return value_finding(
        "R413",
        f"{names[0]} and {names[1]} {where}",
        second.node,
        f"{names[1]} writes here",
        related=(Label(use_location(first.node), f"{names[0]} writes here"),),
        advice=("give each stage a path of its own, for example ${exp_dir}/NAME",),
    )


def _check_starts(stage: StageDecl, recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    if not stage.run:
        return
    for leaf in leaves_read_by(stage, recipe, resolved):
        node = leaf.node
        if leaf.path not in _STARTS or not isinstance(node.value, str) or is_unresolved(node):
            continue
        own = _path_in(_experiment(recipe, resolved), str(stage.name.value))
        if real_path(recipe.directory / node.value).is_relative_to(own):
            yield value_finding(
                "R414",
                f'stage "{stage.name.value}" starts from "{node.value}", which it replaces itself',
                node,
                "in the directory that the stage clears",
                advice=("move the file out of the experiment, and name it there",),
                notes=("an interrupted training goes on from its own last.ckpt by itself",),
            )
