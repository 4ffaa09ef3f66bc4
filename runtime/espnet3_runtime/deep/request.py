"""What the compiler asks: the plan of a build, and every target in it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from espnet3_runtime.config import ConfigView
from espnet3_runtime.deep.protocol import RecipeLocation
from espnet3_schemas import systems
from espnet3_schemas.late_values import LateValues, from_json

_PARTS = re.compile(r"\.?([^.\[\]]+)|\[(\d+)\]")
_UNKNOWN_KIND: Mapping[str, Any] = {"roles": {}}
_OWNERS = ("models", "stages")


@dataclass(frozen=True)
class Target:
    """A ``_target_`` or ``call`` with what the runtime adds to its arguments.

    Attributes:
        name: The dotted name.
        place: Its node; for a ``call`` stage the stage itself.
        positional: How many arguments the runtime passes by place.
        supplied: Names of arguments that the runtime passes.
        offered: Names that it passes where they are taken and not given.
        judged: Whether it is called with its arguments as they stand.
    """

    name: str
    place: RecipeLocation
    positional: int
    supplied: tuple[str, ...]
    offered: tuple[str, ...]
    judged: bool


@dataclass(frozen=True)
class PlannedStage:
    """A stage of the plan; ``outputs`` maps names to paths and types."""

    name: str
    run: str | None
    call: str | None
    configs: Mapping[str, str]
    model: str | None
    outputs: Mapping[str, tuple[str, str]]

    def reads(self, role: str) -> tuple[str, ...] | None:
        """Return the top-level keys that the kind reads of a config; None is all."""
        roles = systems()["kinds"].get(self.run, _UNKNOWN_KIND)["roles"]
        keys = tuple(roles.get(role, {}).get("reads", ("*",)))
        return None if "*" in keys else keys


@dataclass(frozen=True)
class Request:
    """A whole request; late values are still ``${…}`` texts."""

    recipe_dir: Path
    data_dir: Path
    configs: Mapping[str, ConfigView]
    roles: Mapping[str, str | None]
    models: Mapping[str, ConfigView]
    calls: Mapping[str, ConfigView]
    stages: tuple[PlannedStage, ...]
    targets: tuple[Target, ...]
    largest: int
    late: LateValues

    def stage(self, name: str) -> PlannedStage | None:
        """Return a stage by name."""
        return next((stage for stage in self.stages if stage.name == name), None)

    def node(self, place: RecipeLocation) -> Any:
        """Return what stands at a place, or None."""
        kind, name = place.owner
        value: Any = {"models": self.models, "configs": self.configs, "stages": self.calls}[kind]
        value = value.get(name)
        for step in place.path:
            try:
                value = value[step]
            except (KeyError, IndexError, TypeError):
                return None
        return value

    def place(self, where: str, stage: PlannedStage, role: str) -> RecipeLocation:
        """Return the place that the key path of a message names.

        Messages of stages begin with the name of a config, ``models.NAME``, ``stages.NAME``, the
        name of a role, or a key of the stage's config.

        Args:
            where: The key path.
            stage: The stage whose message it is.
            role: The role of the config that the path may begin with.
        """
        parts = [int(index) if index else key for key, index in _PARTS.findall(where)]
        config = stage.configs.get(role, role)
        if len(parts) > 1 and parts[0] in _OWNERS:
            owner = (str(parts[0]), str(parts[1]))
            return RecipeLocation(owner, tuple(parts[2:]), stage.name)
        if parts and parts[0] in self.configs:
            return RecipeLocation(("configs", str(parts[0])), tuple(parts[1:]), stage.name)
        if parts and parts[0] == role:
            parts = parts[1:]
        return RecipeLocation(("configs", config), tuple(parts), stage.name)


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
        stages=tuple(_parse_stage(stage) for stage in raw["stages"]),
        targets=tuple(_parse_target(target) for target in raw["targets"]),
        largest=raw["largest"],
        late=from_json(raw["late_values"]),
    )


def _parse_stage(raw: Mapping[str, Any]) -> PlannedStage:
    outputs = {name: (item["path"], item["type"]) for name, item in raw["outputs"].items()}
    known = ("name", "run", "call", "configs", "model")
    return PlannedStage(**{key: raw[key] for key in known}, outputs=outputs)


def _parse_target(raw: Mapping[str, Any]) -> Target:
    return Target(
        raw["name"],
        RecipeLocation(tuple(raw["owner"]), tuple(raw["path"])),
        raw["positional"],
        tuple(raw["supplied"]),
        tuple(raw["offered"]),
        raw["judged"],
    )
