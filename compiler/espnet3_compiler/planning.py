"""From a recipe without mistakes to the plan of its build."""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from espnet3_compiler.emit.literal import class_name
from espnet3_compiler.emit.order import in_schema_order
from espnet3_compiler.ir import Composed, Recipe, Resolved, StageDecl
from espnet3_compiler.kinds import facts
from espnet3_compiler.plan import (
    ConfigPlan,
    ModelPlan,
    Plan,
    SourceFile,
    StagePlan,
)
from espnet3_compiler.reading import outputs_of
from espnet3_compiler.source import Source
from espnet3_compiler.stage_graph import StageEdge, edges
from espnet3_compiler.tree import Mapping as Tree
from espnet3_compiler.tree import plain
from espnet3_schemas import load
from espnet3_schemas.build_records import Output
from espnet3_schemas.late_values import StageOutput

GLOBALS = ("exp_tag", "exp_dir", "data_dir")


def make_plan(
    root: Tree,
    recipe: Recipe,
    composed: Mapping[str, Composed],
    resolved: Resolved,
    sets: Sequence[str],
) -> Plan:
    """Return what to build; the recipe has no mistakes.

    Args:
        root: The manifest's tree, whose value is hashed.
        recipe: The manifest as typed values.
        composed: Its configs before resolution, by name.
        resolved: Everything after resolution.
        sets: The ``--set`` arguments.
    """
    manifest = recipe.directory / (recipe.source.path or Path(recipe.source.name)).name
    graph = edges(recipe, resolved)
    read = [source for config in composed.values() for source in config.sources]
    read += resolved.sources
    return Plan(
        recipe=str(recipe.name.value),
        manifest=manifest,
        digest=digest(root),
        class_name=class_name(str(recipe.name.value)),
        system=recipe.system.class_path,
        globals={name: resolved.globals[name] for name in GLOBALS},
        configs=tuple(_config(composed[name], resolved, manifest) for name in resolved.configs),
        models=tuple(ModelPlan(name, plain(node)) for name, node in resolved.models.items()),
        stages=tuple(_stage(stage, recipe, resolved, graph) for stage in recipe.stages),
        sources=tuple(_sources([recipe.source, *read], recipe.directory)),
        sets=tuple(sets),
    )


def digest(root: Tree) -> str:
    """Return the SHA-256 of a tree's value: comments and layout do not count."""
    text = json.dumps(plain(root), separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _config(config: Composed, resolved: Resolved, manifest: Path) -> ConfigPlan:
    value = plain(resolved.configs[config.name])
    if config.role is not None:
        value = in_schema_order(value, load(config.role))
    paths = [source.path for source in config.sources if source.path]
    names = tuple(dict.fromkeys(_relative(path, manifest.parent) for path in paths))
    return ConfigPlan(config.name, config.role, value, names or (manifest.name,))


def _sources(sources: Iterable[Source], directory: Path) -> Iterator[SourceFile]:
    paths = dict.fromkeys(source.path for source in sources if source.path)
    for path in paths:
        data = path.read_bytes()
        yield SourceFile(_relative(path, directory), hashlib.sha256(data).hexdigest())


def _relative(path: Path, directory: Path) -> str:
    return Path(os.path.relpath(path, directory)).as_posix()


def _stage(
    stage: StageDecl, recipe: Recipe, resolved: Resolved, graph: Sequence[StageEdge]
) -> StagePlan:
    name = str(stage.name.value)
    mine = [edge for edge in graph if edge.consumer == name]
    producers = {edge.producer for edge in mine}
    order = [str(other.name.value) for other in recipe.stages]
    reads = dict.fromkeys(StageOutput(edge.producer, edge.output) for edge in mine if edge.output)
    call = resolved.calls.get(name)
    init = resolved.init_from.get(name, stage.init_from)
    return StagePlan(
        name=name,
        run=str(stage.run.value) if stage.run else None,
        call=str(stage.call.value) if stage.call else None,
        configs={binding.role: binding.config for binding in stage.configs},
        model=str(stage.model.value) if stage.model else None,
        init_from=str(init.value) if init else None,
        needs=tuple(other for other in order if other in producers and other != name),
        reads=tuple(reads),
        outputs=_outputs(stage, recipe, resolved),
        arguments=plain(call) if call else {"with": {}, "outputs": {}},
        description=stage.description,
    )


def _outputs(stage: StageDecl, recipe: Recipe, resolved: Resolved) -> dict[str, Output]:
    name = str(stage.name.value)
    if stage.call:
        call = resolved.calls.get(name)
        block = call.get("outputs") if call else None
        entries = block.entries if isinstance(block, Tree) else ()
        return {entry.name: Output(str(plain(entry.value)), "path") for entry in entries}
    types = facts(stage)["outputs"]
    return {
        output: Output(_place(path, name, resolved.globals), types[output]["type"])
        for output, path in (outputs_of(stage, recipe) or {}).items()
    }


def _place(path: str, stage: str, globals_: Mapping[str, str]) -> str:
    """Return where a stage of a kind writes: ``${data_dir}``, or below its own directory."""
    if path == "${data_dir}":
        return globals_["data_dir"]
    directory = f"{globals_['exp_dir'].rstrip('/')}/{stage}"
    return directory if path == "." else f"{directory}/{path}"
