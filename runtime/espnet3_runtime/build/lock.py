"""What the compiler left in ``build/``: the lock, and the composed configs on demand."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from espnet3_runtime.build.late_values import read_late_values
from espnet3_runtime.config import ConfigView
from espnet3_runtime.errors import BuildError
from espnet3_schemas import LOCK
from espnet3_schemas.build_records import SCHEMA_VERSION, Output, Stage
from espnet3_schemas.late_values import LateValues, StageOutput

T = TypeVar("T")


class Fields:
    """An object of a JSON file; every wrong or missing field is one clear error.

    Args:
        value: The decoded JSON.
        where: What messages call it, for example ``recipe.lock.json: stages[2]``.

    Raises:
        BuildError: It is not an object.
    """

    def __init__(self, value: Any, where: str) -> None:
        if not isinstance(value, dict):
            raise BuildError(f"{where} is not an object", hint="compile the recipe again")
        self._value = value
        self._where = where

    def has(self, key: str) -> bool:
        """Say whether a field is there."""
        return key in self._value

    def take(self, key: str, kind: type[T]) -> T:
        """Return a required field of a type."""
        value = self._value.get(key)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise self.field_error(key, f"of type {kind.__name__}")
        return value

    def optional(self, key: str, kind: type[T]) -> T | None:
        """Return a field that may be null or missing."""
        return None if self._value.get(key) is None else self.take(key, kind)

    def identifier(self, key: str) -> str:
        """Return a name that is safe as a directory, a flag and a method."""
        value = self.take(key, str)
        if not (value.isidentifier() and value.isascii()):
            raise self.field_error(key, "an identifier")
        return value

    def string_mapping(self, key: str) -> dict[str, str]:
        """Return a mapping of strings to strings."""
        value = self.take(key, dict)
        if not all(isinstance(item, str) for item in value.values()):
            raise self.field_error(key, "a mapping of strings")
        return value

    def string_list(self, key: str) -> tuple[str, ...]:
        """Return a list of strings."""
        value = self.take(key, list)
        if not all(isinstance(item, str) for item in value):
            raise self.field_error(key, "a list of strings")
        return tuple(value)

    def object_list(self, key: str) -> Iterator["Fields"]:
        """Yield the objects of a list."""
        for index, item in enumerate(self.take(key, list)):
            yield Fields(item, f"{self._where}: {key}[{index}]")

    def named(self, key: str) -> Iterator[tuple[str, "Fields"]]:
        """Yield the objects of a mapping with their names."""
        for name, item in self.take(key, dict).items():
            yield name, Fields(item, f"{self._where}: {key}.{name}")

    def field_error(self, key: str, expected: str) -> BuildError:
        """Return the error that says what a field should have been."""
        found = f"{self._value.get(key)!r:.60}"
        what = f'{self._where}: "{key}" must be {expected}, found {found}'
        return BuildError(what, hint="compile the recipe again")


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
        data_dir: As written.
        sources: SHA-256 of every source file, by path relative to the recipe directory.
        code: SHA-256 of the generated Python files, by path relative to the build.
        configs: Files of the composed configs.
        models: Files of the model nodes.
        stages: In the order in which they run.
        late: What the texts with a ``${`` mean, by text.
        overlay: Texts that take the place of files, from values given on the command line.
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
    code: Mapping[str, str]
    configs: Mapping[str, DataFile]
    models: Mapping[str, DataFile]
    stages: tuple[Stage, ...]
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
        """The place of each stage in the order."""
        return {stage.name: index for index, stage in enumerate(self.stages)}

    def stage(self, name: str) -> Stage:
        """Return the stage of a name that is known to exist."""
        return self.by_name[name]

    def directory_of(self, stage: Stage) -> Path:
        """Return the stage's own directory, absolute."""
        return self.experiment / stage.name

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
            exists = file in self.overlay or (self.directory / file).exists()
            block = self._parse_yaml(self._text(file), file).get("with") if exists else None
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
        if file in self.overlay:
            return self.overlay[file]
        try:
            return (self.directory / file).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise BuildError(
                f'cannot read "{file}" of the build: {error}', hint=_RECOMPILE_HINT
            ) from None

    def _parse_yaml(self, text: str, file: str) -> dict[str, Any]:
        import yaml

        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        try:
            value = yaml.load(text, Loader=loader)  # noqa: S506 - both are safe loaders
        except yaml.YAMLError as error:
            raise BuildError(
                f'"{file}" of the build is not YAML: {error}', hint=_RECOMPILE_HINT
            ) from None
        if not isinstance(value, dict):
            raise BuildError(f'"{file}" of the build holds no mapping', hint=_RECOMPILE_HINT)
        return value


_RECOMPILE_HINT = "compile the recipe again"


def load_build(directory: Path, overlay: Mapping[str, str] | None = None) -> Build:
    """Read the lock of a build.

    Args:
        directory: The build directory.
        overlay: Texts by path that take the place of files of the build.

    Raises:
        BuildError: There is no lock, or it is not one of ours.
    """
    directory = directory.resolve()
    text = (overlay or {}).get(LOCK)
    if text is None:
        try:
            text = (directory / LOCK).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise BuildError(
                f'cannot read "{directory / LOCK}": {error}', hint=_RECOMPILE_HINT
            ) from None
    try:
        lock = Fields(json.loads(text), LOCK)
    except (ValueError, RecursionError) as error:
        raise BuildError(
            f'"{directory / LOCK}" is not JSON: {error}', hint=_RECOMPILE_HINT
        ) from None
    if lock.take("schema_version", int) != SCHEMA_VERSION:
        manifest = Path(lock.take("manifest", str)).name
        raise BuildError(
            f'"{LOCK}" was written by another version of espnet3-compile',
            hint=f"run: espnet3-compile {manifest}",
        )
    return replace(_parse_lock(directory, lock), overlay=dict(overlay or {}))


def _parse_lock(directory: Path, lock: Fields) -> Build:
    recipe_dir = (directory / lock.take("recipe_dir", str)).resolve()
    return Build(
        directory=directory,
        recipe_dir=recipe_dir,
        manifest=Path(lock.take("manifest", str)).name,
        recipe=lock.take("recipe", str),
        system=lock.take("system", str),
        exp_tag=lock.take("exp_tag", str),
        exp_dir=lock.take("exp_dir", str),
        data_dir=lock.take("data_dir", str),
        sources={
            item.take("path", str): item.take("sha256", str) for item in lock.object_list("sources")
        },
        code=lock.string_mapping("code") if lock.has("code") else {},
        configs={
            name: _parse_data_file(item, name, "conf") for name, item in lock.named("configs")
        },
        models={
            name: _parse_data_file(item, name, "models") for name, item in lock.named("models")
        },
        stages=tuple(_parse_stage(item) for item in lock.object_list("stages")),
        late=read_late_values(lock.take("late_values", dict), f"{LOCK}: late_values"),
    )


def _parse_data_file(item: Fields, name: str, folder: str) -> DataFile:
    file = item.take("file", str)
    if file != f"{folder}/{name}.yaml":
        raise item.field_error("file", f"{folder}/{name}.yaml")
    return DataFile(file, item.take("sha256", str), item.optional("role", str))


def _parse_stage(item: Fields) -> Stage:
    stage = Stage(
        name=item.identifier("name"),
        run=item.optional("run", str),
        call=item.optional("call", str),
        configs=item.string_mapping("configs"),
        model=item.optional("model", str),
        init_from=item.optional("init_from", str),
        needs=item.string_list("needs"),
        reads=tuple(
            StageOutput(r.take("stage", str), r.take("output", str))
            for r in item.object_list("reads")
        ),
        outputs={
            name: Output(output.take("path", str), output.take("type", str))
            for name, output in item.named("outputs")
        },
    )
    if (stage.run is None) == (stage.call is None):
        raise item.field_error("run", "a stage kind, or null beside a call")
    return stage
