"""What the compiler asks to be tried: the plan of a build, and every target in it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from espnet3_runtime.build.records import read_record
from espnet3_runtime.config import ConfigView
from espnet3_runtime.deep.protocol import RecipeLocation
from espnet3_schemas.build_records import Stage
from espnet3_schemas.late_values import LateValues, from_json

_PARTS = re.compile(r"\.?([^.\[\]]+)|\[(\d+)\]")


@dataclass(frozen=True)
class Target:
    """A ``_target_`` or ``call``, and the arguments that the runtime adds.

    Attributes:
        name: The dotted name.
        location: Its node; for a ``call`` stage the stage itself.
        positional: How many positional arguments the runtime passes.
        supplied: Names of arguments that the runtime passes.
        offered: Names that it passes where they are taken and not given.
        judged: Whether it is called with these arguments.
    """

    name: str
    location: RecipeLocation
    positional: int
    supplied: tuple[str, ...]
    offered: tuple[str, ...]
    judged: bool


@dataclass(frozen=True)
class Request:
    """What to try of a recipe; late values are still ``${…}`` texts."""

    recipe_dir: Path
    data_dir: Path
    configs: Mapping[str, ConfigView]
    roles: Mapping[str, str | None]
    models: Mapping[str, ConfigView]
    calls: Mapping[str, ConfigView]
    stages: tuple[Stage, ...]
    targets: tuple[Target, ...]
    largest: int
    late: LateValues

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
    directory = Path(raw["recipe_dir"])
    return Request(
        recipe_dir=directory,
        data_dir=directory / raw["data_dir"],
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
        targets=tuple(read_record(Target, target, "targets") for target in raw["targets"]),
        largest=raw["largest"],
        late=from_json(raw["late_values"]),
    )
