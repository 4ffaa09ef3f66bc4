"""The plan of a build: ready values, as plain data, for the files of the build."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from msgspec import Struct

from espnet3_compiler.syntax.tree import Plain
from espnet3_schemas.build_records import Stage


class SourceFile(Struct, frozen=True):
    """A file that the build was compiled from; the path is relative to the recipe directory."""

    path: str
    sha256: str


class ConfigPlan(Struct, frozen=True):
    """A composed config: its role (None for a free-form one), value and sources."""

    name: str
    role: str | None
    value: Plain
    sources: tuple[str, ...]


class ModelPlan(Struct, frozen=True):
    """A model node with its references resolved."""

    name: str
    value: Plain


@dataclass(frozen=True, slots=True)
class StagePlan(Stage):
    """A stage, with the values that only generated files need.

    Attributes:
        arguments: ``with`` and ``outputs`` of a ``call`` stage.
        description: One line for ``--list``.
    """

    arguments: Plain
    description: str


class Plan(Struct, frozen=True):
    """A build.

    Attributes:
        recipe: ``<corpus>/<task>``.
        manifest: The absolute path of the manifest.
        digest: SHA-256 of the manifest's value; comments and layout do not count.
        class_name: The name of the generated System class.
        system: The dotted class that the generated class extends.
        globals: exp_tag, exp_dir and data_dir.
        configs: In the order of the manifest.
        models: In the order of the manifest.
        kinds: What the stage kinds that the System declares read and make.
        stages: In the order of the manifest.
        sources: The manifest first, then every file that was read.
        sets: The ``--set`` arguments of the compile.
        environment: Variables of the environment that ``globals`` hold; None for unset ones.
    """

    recipe: str
    manifest: Path
    digest: str
    class_name: str
    system: str
    globals: Mapping[str, str]
    configs: tuple[ConfigPlan, ...]
    models: tuple[ModelPlan, ...]
    kinds: Mapping[str, Mapping[str, Any]]
    stages: tuple[StagePlan, ...]
    sources: tuple[SourceFile, ...]
    sets: tuple[str, ...]
    environment: Mapping[str, str | None]
