"""The request to the probe: the plan of a build as plain data."""

from dataclasses import asdict
from typing import Any

from espnet3_compiler.build.late_values import late_values
from espnet3_compiler.build.plan import Plan

LARGEST = 60_000_000
"""A model with more parameters stays on the meta device."""


def make_request(plan: Plan, memory: int) -> dict[str, Any]:
    """Return the request about a plan, as JSON; the probe may use so many bytes, or any for 0."""
    return {
        "version": 1,
        "recipe_dir": str(plan.manifest.parent),
        "data_dir": plan.globals["data_dir"],
        "memory": memory,
        "largest": LARGEST,
        "configs": {
            config.name: {"role": config.role, "value": config.value} for config in plan.configs
        },
        "models": {model.name: model.value for model in plan.models},
        "stages": [asdict(stage) for stage in plan.stages],
        "late_values": late_values(plan),
    }
