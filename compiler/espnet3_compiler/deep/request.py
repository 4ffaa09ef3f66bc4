"""The request to the probe: the plan of a build as plain data, and every target in it."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from espnet3_compiler.build.late_values import late_values
from espnet3_compiler.build.plan import Plan, StagePlan
from espnet3_compiler.checks.targets.nodes import find_targets
from espnet3_compiler.expressions.template import is_unresolved
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.syntax.tree import Scalar
from espnet3_schemas import TARGET

LARGEST = 60_000_000
"""A model with more parameters stays on the meta device."""


def make_request(plan: Plan, recipe: Recipe, resolved: Resolved, memory: int) -> dict[str, Any]:
    """Return the request about a recipe without mistakes, as JSON.

    Args:
        plan: Its plan.
        recipe: The recipe.
        resolved: Its resolved configs.
        memory: How many bytes the probe may use; 0 for no limit.
    """
    return {
        "version": 1,
        "recipe_dir": str(recipe.directory),
        "data_dir": plan.globals["data_dir"],
        "memory": memory,
        "largest": LARGEST,
        "configs": {
            config.name: {"role": config.role, "value": config.value} for config in plan.configs
        },
        "models": {model.name: model.value for model in plan.models},
        "stages": [_stage_request(stage) for stage in plan.stages],
        "late_values": late_values(plan),
        "targets": [*_target_requests(recipe, resolved), *_call_requests(recipe)],
    }


def _stage_request(stage: StagePlan) -> dict[str, Any]:
    value = asdict(stage)
    keys = ("name", "run", "call", "configs", "model", "arguments", "outputs")
    return {key: value[key] for key in keys}


def _target_requests(recipe: Recipe, resolved: Resolved) -> Iterator[dict[str, Any]]:
    for target in find_targets(recipe, resolved):
        name = target.node.get(TARGET)
        if isinstance(name, Scalar) and isinstance(name.value, str) and not is_unresolved(name):
            yield {
                "name": name.value,
                "owner": list(target.path[:2]),
                "path": list(target.path[2:]),
                "positional": target.slot.positional,
                "supplied": list(target.slot.supplied),
                "offered": list(target.slot.offered),
                "judged": target.judged,
            }


def _call_requests(recipe: Recipe) -> Iterator[dict[str, Any]]:
    for stage in recipe.stages:
        if stage.call is not None and not is_unresolved(stage.call):
            yield {
                "name": str(stage.call.value),
                "owner": ["stages", str(stage.name.value)],
                "path": [],
                "positional": 0,
                "supplied": [],
                "offered": [],
                "judged": True,
            }
