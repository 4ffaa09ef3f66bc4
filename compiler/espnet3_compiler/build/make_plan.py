"""From a recipe without mistakes to the plan of its build."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from espnet3_compiler.build.lock import relative_path, sha256
from espnet3_compiler.build.plan import ConfigPlan, ModelPlan, Plan, SourceFile, StagePlan
from espnet3_compiler.build.python_text import class_name
from espnet3_compiler.manifest.lower import GLOBALS
from espnet3_compiler.manifest.recipe import Composed, Recipe, Resolved, StageDecl, System
from espnet3_compiler.schema.key_order import in_schema_order
from espnet3_compiler.stage_graph.graph import StageEdge, stage_edges
from espnet3_compiler.stage_graph.log_directories import log_directory
from espnet3_compiler.stage_graph.stage_inputs import outputs_of, starting_weights
from espnet3_compiler.syntax.tree import Mapping as Tree
from espnet3_compiler.syntax.tree import to_python
from espnet3_schemas import systems
from espnet3_schemas.build_records import UNKNOWN_KIND, Output
from espnet3_schemas.late_values import StageOutput


def make_plan(
    root: Tree,
    recipe: Recipe,
    composed: Mapping[str, Composed],
    resolved: Resolved,
    sets: Sequence[str],
) -> Plan:
    """Return the plan of a recipe without mistakes.

    Args:
        root: The manifest's tree, whose value is hashed.
        recipe: The manifest as typed values.
        composed: Its configs before resolution, by name.
        resolved: Everything after resolution.
        sets: The ``--set`` arguments.
    """
    manifest = manifest_path(recipe)
    graph: dict[str, list[StageEdge]] = {}
    for edge in stage_edges(recipe, resolved):
        graph.setdefault(edge.consumer, []).append(edge)
    position = {str(stage.name.value): number for number, stage in enumerate(recipe.stages)}
    read = [source for config in composed.values() for source in config.sources]
    read += resolved.sources
    paths = dict.fromkeys(each.path for each in (recipe.source, *read) if each.path)
    names = {path: relative_path(path, recipe.directory) for path in paths}
    for path, in_package in recipe.system.files.items():
        names[path] = in_package or relative_path(path, recipe.directory)
    return Plan(
        recipe=str(recipe.name.value),
        manifest=manifest,
        digest=manifest_digest(root),
        class_name=class_name(str(recipe.name.value)),
        system=recipe.system.class_path,
        globals={name: resolved.globals[name] for name in GLOBALS},
        configs=tuple(_plan_config(composed[name], recipe, resolved) for name in resolved.configs),
        models=tuple(ModelPlan(name, to_python(node)) for name, node in resolved.models.items()),
        kinds=_declared_kinds(recipe.system),
        stages=tuple(
            _plan_stage(stage, recipe, resolved, graph.get(name, ()), position)
            for name, stage in zip(position, recipe.stages, strict=True)
        ),
        sources=tuple(SourceFile(name, sha256(path.read_bytes())) for path, name in names.items()),
        sets=tuple(sets),
        environment=resolved.environment,
    )


def _declared_kinds(system: System) -> dict[str, Mapping[str, Any]]:
    """Return the kinds that are not as Systems that ship have them."""
    shipped = systems()["kinds"]
    kinds = {**dict.fromkeys(system.renewed, UNKNOWN_KIND), **system.specs}
    return {kind: spec for kind, spec in sorted(kinds.items()) if spec != shipped.get(kind)}


def manifest_path(recipe: Recipe) -> Path:
    """Return the absolute path of the manifest."""
    return recipe.directory / (recipe.source.path or Path(recipe.source.name)).name


def manifest_digest(root: Tree) -> str:
    """Return the SHA-256 of a tree's value: comments and layout do not count."""
    text = json.dumps(to_python(root), separators=(",", ":"))
    return sha256(text.encode())


def _plan_config(config: Composed, recipe: Recipe, resolved: Resolved) -> ConfigPlan:
    value = to_python(resolved.configs[config.name])
    if config.role is not None:
        schema = recipe.system.role_schema(config.role)
        value = in_schema_order(value, schema)
    paths = [source.path for source in config.sources if source.path]
    names = tuple(dict.fromkeys(relative_path(path, recipe.directory) for path in paths))
    own = names or (manifest_path(recipe).name,)
    return ConfigPlan(config.name, config.role, value, own)


def _plan_stage(
    stage: StageDecl,
    recipe: Recipe,
    resolved: Resolved,
    mine: Sequence[StageEdge],
    position: Mapping[str, int],
) -> StagePlan:
    name = str(stage.name.value)
    producers = {edge.producer for edge in mine} - {name}
    reads = dict.fromkeys(StageOutput(edge.producer, edge.output) for edge in mine if edge.output)
    call = resolved.calls.get(name)
    return StagePlan(
        name=name,
        run=str(stage.run.value) if stage.run else None,
        call=str(stage.call.value) if stage.call else None,
        configs={binding.role: binding.config for binding in stage.configs},
        model=str(stage.model.value) if stage.model else None,
        init_from=starting_weights(stage, resolved),
        needs=tuple(sorted(producers, key=position.__getitem__)),
        reads=tuple(reads),
        outputs=_plan_outputs(stage, recipe, resolved),
        arguments=to_python(call) if call else {"with": {}, "outputs": {}},
        description=stage.description,
        log_dir=log_directory(stage, resolved, resolved.globals),
    )


def _plan_outputs(stage: StageDecl, recipe: Recipe, resolved: Resolved) -> dict[str, Output]:
    name = str(stage.name.value)
    if stage.call:
        call = resolved.calls.get(name)
        block = call.get("outputs") if call else None
        entries = block.entries if isinstance(block, Tree) else ()
        return {entry.name: Output(str(to_python(entry.value)), "path") for entry in entries}
    types = stage.spec["outputs"]
    return {
        output: Output(_output_path(path, name, resolved.globals), types[output]["type"])
        for output, path in (outputs_of(stage, recipe) or {}).items()
    }


def _output_path(path: str, stage: str, globals_: Mapping[str, str]) -> str:
    """Return where a stage of a kind writes: ``${data_dir}``, or below its own directory."""
    if path == "${data_dir}":
        return globals_["data_dir"]
    directory = f"{globals_['exp_dir'].rstrip('/')}/{stage}"
    return directory if path == "." else f"{directory}/{path}"
