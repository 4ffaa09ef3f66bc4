"""The recipe that is looked at: what a build holds, or what the compiler sends."""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from espnet3_runtime.build.late_values import bind_variables
from espnet3_runtime.build.lock import Build
from espnet3_runtime.build.records import read_record
from espnet3_runtime.config import ConfigView
from espnet3_runtime.errors import UserError
from espnet3_runtime.preflight.find_targets import (
    Target,
    call_targets,
    config_targets,
    model_targets,
)
from espnet3_runtime.preflight.protocol import RecipeLocation
from espnet3_schemas.build_records import Stage
from espnet3_schemas.late_values import LateValues, from_json

_PARTS = re.compile(r"\.?([^.\[\]]+)|\[(\d+)\]")


@dataclass(frozen=True)
class Request:
    """A recipe that is looked at; late values are still ``${…}`` texts."""

    recipe_dir: Path
    data_dir: Path
    configs: Mapping[str, ConfigView]
    roles: Mapping[str, str | None]
    models: Mapping[str, ConfigView]
    calls: Mapping[str, ConfigView]
    stages: tuple[Stage, ...]
    late: LateValues
    largest: int = 0

    def targets(self) -> Iterator[Target]:
        """Yield every target: of the models, the configs that have a role, and the calls."""
        for name, node in self.models.items():
            yield from model_targets(name, node)
        for name, config in self.configs.items():
            yield from config_targets(name, self.roles[name], config)
        for stage in self.stages:
            if stage.call is not None:
                yield from call_targets(stage.name, stage.call, self.calls[stage.name])

    def stage(self, name: str) -> Stage | None:
        """Return a stage by name."""
        return next((stage for stage in self.stages if stage.name == name), None)

    def node(self, location: RecipeLocation) -> Any:
        """Return the value at a location, or None."""
        kind, name = location.owner
        value: Any = {"models": self.models, "configs": self.configs, "stages": self.calls}[kind]
        value = value.get(name)
        for step in location.path:
            try:
                value = value[step]
            except (KeyError, IndexError, TypeError):
                return None
        return value

    def locate(self, where: str, stage: Stage, role: str) -> RecipeLocation:
        """Return the location that the key path of a message names.

        Messages of stages begin with the name of a config, ``models.NAME``, ``stages.NAME``, the
        name of a role, or a key of the stage's config.

        Args:
            where: The key path.
            stage: The stage whose message it is.
            role: The role of the config that the path may begin with.
        """
        parts = [int(index) if index else key for key, index in _PARTS.findall(where)]
        if len(parts) > 1 and parts[0] in ("models", "stages"):
            return RecipeLocation((str(parts[0]), str(parts[1])), tuple(parts[2:]), stage.name)
        if parts and parts[0] in self.configs:
            return RecipeLocation(("configs", str(parts[0])), tuple(parts[1:]), stage.name)
        if parts and parts[0] == role:
            parts = parts[1:]
        return RecipeLocation(("configs", stage.configs.get(role, role)), tuple(parts), stage.name)


def read_request(raw: Mapping[str, Any]) -> Request:
    """Return a request from JSON."""
    directory, data_dir = Path(raw["recipe_dir"]), raw["data_dir"]
    late = from_json(raw["late_values"])
    with suppress(UserError):  # a variable that is not set here may be where the stages run
        data_dir = bind_variables(data_dir, late, "data_dir")
    return Request(
        recipe_dir=directory,
        data_dir=directory / data_dir,
        configs={
            name: ConfigView(item["value"], name)
            for name, item in raw["configs"].items()
            if isinstance(item["value"], dict)
        },
        roles={name: item["role"] for name, item in raw["configs"].items()},
        models={name: ConfigView(node, f"models.{name}") for name, node in raw["models"].items()},
        calls={
            stage["name"]: ConfigView(stage["arguments"], f"stages.{stage['name']}")
            for stage in raw["stages"]
            if stage["call"]
        },
        stages=tuple(read_record(Stage, stage, "stages") for stage in raw["stages"]),
        late=late,
        largest=raw["largest"],
    )


def request_of(build: Build) -> Request:
    """Return a build as a request."""
    calls = {stage.name: build.arguments(stage) for stage in build.stages if stage.call}
    return Request(
        recipe_dir=build.recipe_dir,
        data_dir=build.recipe_dir / build.data_dir,
        configs={name: build.config(name) for name in build.configs},
        roles={name: entry.role for name, entry in build.configs.items()},
        models={name: build.model(name) for name in build.models},
        calls={
            name: ConfigView({"with": block}, f"stages.{name}") for name, block in calls.items()
        },
        stages=build.stages,
        late=build.late,
    )
