"""A compiled recipe: the lock of ``build/``, and its configs and models, read when needed."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from espnet3_runtime.build.late_values import bind_variables, read_late_values
from espnet3_runtime.build.records import RECOMPILE_HINT, check_field, read_record
from espnet3_runtime.config import ConfigView
from espnet3_runtime.errors import BuildError
from espnet3_schemas import LOCK
from espnet3_schemas.build_records import SCHEMA_VERSION, Stage
from espnet3_schemas.late_values import LateValues


@dataclass(frozen=True, slots=True)
class DataFile:
    """A composed config or a model node; ``file`` is relative to the build directory."""

    file: str
    sha256: str
    role: str | None = None


@dataclass(frozen=True, eq=False)
class Build:
    """A compiled recipe.

    Attributes:
        directory: The build directory, absolute.
        recipe_dir: The manifest's directory, absolute.
        manifest: The manifest's name, relative to the recipe directory.
        recipe: ``<corpus>/<task>``.
        system: The dotted class that the generated System extends.
        exp_tag: Name of the experiment.
        exp_dir: As written, relative to the recipe directory or absolute.
        data_dir: As written, with the values of the variables that it names.
        sources: SHA-256 of every source file, by path relative to the recipe directory.
        code: SHA-256 of the generated Python files, by path relative to the build.
        configs: Files of the composed configs.
        models: Files of the model nodes.
        stages: In the order in which they run.
        late: The parsed texts with a ``${``, by text.
        overlay: Texts that replace files, from values given on the command line.
    """

    directory: Path
    recipe_dir: Path
    manifest: str
    recipe: str
    system: str
    exp_tag: str
    exp_dir: str
    data_dir: str
    sources: Mapping[str, str]
    configs: Mapping[str, DataFile]
    models: Mapping[str, DataFile]
    stages: tuple[Stage, ...]
    code: Mapping[str, str] = field(default_factory=dict)
    late: LateValues = field(default_factory=dict, repr=False)
    overlay: Mapping[str, str] = field(default_factory=dict, repr=False)
    _loaded: dict[str, ConfigView] = field(default_factory=dict, repr=False)

    @cached_property
    def experiment(self) -> Path:
        """The experiment's directory, absolute."""
        return self.recipe_dir / self.exp_dir

    @cached_property
    def by_name(self) -> Mapping[str, Stage]:
        """The stages by name."""
        return {stage.name: stage for stage in self.stages}

    @cached_property
    def position(self) -> Mapping[str, int]:
        """The index of each stage in the order."""
        return {stage.name: index for index, stage in enumerate(self.stages)}

    def stage(self, name: str) -> Stage:
        """Return the stage of a name that is known to exist."""
        return self.by_name[name]

    def directory_of(self, stage: Stage) -> Path:
        """Return the stage's own directory, absolute."""
        return self.experiment / stage.name

    def log_of(self, stage: Stage, suffix: str = "") -> Path:
        """Return the stage's log; ``suffix`` is of a process that is not the first."""
        own = self.directory_of(stage)
        directory = own if stage.log_dir is None else self.recipe_dir / stage.log_dir
        return directory / f"{stage.name}{suffix}.log"

    def config(self, name: str) -> ConfigView:
        """Return a composed config; late values are still ``${…}`` texts."""
        return self._load_view(self.configs[name], name)

    def model(self, name: str) -> ConfigView:
        """Return a model node; late values are still ``${…}`` texts."""
        return self._load_view(self.models[name], f"models.{name}")

    def arguments(self, stage: Stage) -> ConfigView:
        """Return the ``with`` block of a ``call`` stage."""
        file = f"calls/{stage.name}.yaml"
        if file not in self._loaded:
            text = self._find_text(file) if stage.call else None
            block = None if text is None else self._parse_yaml(text, file).get("with")
            self._loaded[file] = ConfigView(block or {}, f"stages.{stage.name}.with")
        return self._loaded[file]

    def _load_view(self, entry: DataFile, where: str) -> ConfigView:
        if entry.file not in self._loaded:
            text = self._text(entry.file)
            if hashlib.sha256(text.encode()).hexdigest() != entry.sha256:
                raise BuildError(
                    f'"{entry.file}" of the build was changed by hand',
                    hint=f"change its source instead, then run: espnet3-compile {self.manifest}",
                )
            self._loaded[entry.file] = ConfigView(self._parse_yaml(text, entry.file), where)
        return self._loaded[entry.file]

    def _text(self, file: str) -> str:
        text = self._find_text(file)
        if text is None:
            raise BuildError(f'the build has no "{file}"', hint=RECOMPILE_HINT)
        return text

    def _find_text(self, file: str) -> str | None:
        """Return the text of a file of the build; None where there is none."""
        if file in self.overlay:
            return self.overlay[file]
        try:
            return (self.directory / file).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            message = f'cannot read "{file}" of the build: {error}'
            raise BuildError(message, hint=RECOMPILE_HINT) from None

    def _parse_yaml(self, text: str, file: str) -> dict[str, Any]:
        import yaml

        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        try:
            value = yaml.load(text, Loader=loader)  # noqa: S506 - both are safe loaders
        except yaml.YAMLError as error:
            message = f'"{file}" of the build is not YAML: {error}'
            raise BuildError(message, hint=RECOMPILE_HINT) from None
        if not isinstance(value, dict):
            raise BuildError(f'"{file}" of the build holds no mapping', hint=RECOMPILE_HINT)
        return value


def load_build(
    directory: Path, overlay: Mapping[str, str] | None = None, *, bind: bool = True
) -> Build:
    """Read the lock of a build.

    Args:
        directory: The build.
        overlay: Texts that replace files, by path.
        bind: Whether variables in paths get their values, see :func:`bind_paths`.

    Raises:
        BuildError: There is no lock, or it is not one of ours.
        UserError: A variable is not set.
    """
    directory = directory.resolve()
    try:
        text = (overlay or {}).get(LOCK) or (directory / LOCK).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        message = f'cannot read "{directory / LOCK}": {error}'
        raise BuildError(message, hint=RECOMPILE_HINT) from None
    try:
        lock = json.loads(text)
    except (ValueError, RecursionError) as error:
        message = f'"{directory / LOCK}" is not JSON: {error}'
        raise BuildError(message, hint=RECOMPILE_HINT) from None
    header = read_record(_Header, lock, LOCK)
    manifest = Path(header.manifest).name
    if header.schema_version != SCHEMA_VERSION:
        raise BuildError(
            f'"{LOCK}" was written by another version of espnet3-compile',
            hint=f"run: espnet3-compile {manifest}",
        )
    build = read_record(
        Build,
        lock,
        LOCK,
        directory=directory,
        recipe_dir=(directory / header.recipe_dir).resolve(),
        manifest=manifest,
        sources={source.path: source.sha256 for source in header.sources},
        late=read_late_values(header.late_values, f"{LOCK}: late_values"),
        overlay=dict(overlay or {}),
        _loaded={},
    )
    _check_names(build)
    kinds = header.kinds
    build = replace(
        build, stages=tuple(replace(stage, kind=kinds.get(stage.run)) for stage in build.stages)
    )
    return bind_paths(build) if bind else build


def bind_paths(build: Build) -> Build:
    """Return the build with the values that variables in its paths have on this machine.

    Raises:
        UserError: One is not set.
    """
    data_dir = bind_variables(build.data_dir, build.late, "data_dir")
    stages = tuple(_bind_stage(stage, build.late) for stage in build.stages)
    return replace(build, data_dir=data_dir, stages=stages)


def _bind_stage(stage: Stage, late: LateValues) -> Stage:
    where = f"stages.{stage.name}"
    if stage.log_dir and "${" in stage.log_dir:
        stage = replace(stage, log_dir=bind_variables(stage.log_dir, late, f"{where}.log_dir"))
    if not any("${" in output.path for output in stage.outputs.values()):
        return stage
    bound = {
        name: replace(output, path=bind_variables(output.path, late, f"{where}.outputs"))
        for name, output in stage.outputs.items()
    }
    return replace(stage, outputs=bound)


@dataclass(frozen=True)
class _Source:
    path: str
    sha256: str


@dataclass(frozen=True)
class _Header:
    """The fields of the lock that a :class:`Build` holds in another form."""

    schema_version: int
    manifest: str
    recipe_dir: str
    sources: tuple[_Source, ...]
    late_values: Any
    kinds: Mapping[str | None, Mapping[str, Any]] = field(default_factory=dict)


def _check_names(build: Build) -> None:
    """Refuse names that are no identifiers, and files that lie elsewhere than their name says."""
    for index, stage in enumerate(build.stages):
        where = f"{LOCK}: stages[{index}]: "
        is_identifier = stage.name.isidentifier() and stage.name.isascii()
        check_field(is_identifier, f"{where}name", "an identifier", stage.name)
        has_one = (stage.run is None) != (stage.call is None)
        check_field(has_one, f"{where}run", "a stage kind, or null beside a call", stage.run)
    for folder, entries in (("conf", build.configs), ("models", build.models)):
        for name, entry in entries.items():
            file = f"{folder}/{name}.yaml"
            check_field(entry.file == file, f"{LOCK}: {name}: file", file, entry.file)
