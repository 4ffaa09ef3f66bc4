"""What the compiler left in ``build/``: the lock, and the composed configs on demand."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from espnet3_runtime.bind import read_late_values
from espnet3_runtime.build_fields import Fields
from espnet3_runtime.config import ConfigView
from espnet3_runtime.errors import BuildError
from espnet3_schemas import LOCK
from espnet3_schemas.build_records import SCHEMA_VERSION, Output, Stage
from espnet3_schemas.late_values import LateValues, StageOutput


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
        return self._load(self.configs[name], name)

    def model(self, name: str) -> ConfigView:
        """Return a model node; late values are still ``${…}`` texts."""
        return self._load(self.models[name], f"models.{name}")

    def arguments(self, stage: Stage) -> ConfigView:
        """Return the ``with`` block of a ``call`` stage."""
        file = f"calls/{stage.name}.yaml"
        if file not in self._loaded:
            exists = file in self.overlay or (self.directory / file).exists()
            block = self._parse(self._text(file), file).get("with") if exists else None
            self._loaded[file] = ConfigView(block or {}, f"stages.{stage.name}.with")
        return self._loaded[file]

    def _load(self, entry: DataFile, where: str) -> ConfigView:
        if entry.file not in self._loaded:
            text = self._text(entry.file)
            if hashlib.sha256(text.encode()).hexdigest() != entry.sha256:
                raise BuildError(
                    f'"{entry.file}" of the build was changed by hand',
                    hint=f"change its source instead, then run: espnet3-compile {self.manifest}",
                )
            self._loaded[entry.file] = ConfigView(self._parse(text, entry.file), where)
        return self._loaded[entry.file]

    def _text(self, file: str) -> str:
        if file in self.overlay:
            return self.overlay[file]
        try:
            return (self.directory / file).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise BuildError(f'cannot read "{file}" of the build: {error}', hint=_AGAIN) from None

    def _parse(self, text: str, file: str) -> dict[str, Any]:
        import yaml

        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        try:
            value = yaml.load(text, Loader=loader)  # noqa: S506 - both are safe loaders
        except yaml.YAMLError as error:
            raise BuildError(f'"{file}" of the build is not YAML: {error}', hint=_AGAIN) from None
        if not isinstance(value, dict):
            raise BuildError(f'"{file}" of the build holds no mapping', hint=_AGAIN)
        return value


_AGAIN = "compile the recipe again"


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
            raise BuildError(f'cannot read "{directory / LOCK}": {error}', hint=_AGAIN) from None
    try:
        lock = Fields(json.loads(text), LOCK)
    except (ValueError, RecursionError) as error:
        raise BuildError(f'"{directory / LOCK}" is not JSON: {error}', hint=_AGAIN) from None
    if lock.take("schema_version", int) != SCHEMA_VERSION:
        manifest = Path(lock.take("manifest", str)).name
        raise BuildError(
            f'"{LOCK}" was written by another version of espnet3-compile',
            hint=f"run: espnet3-compile {manifest}",
        )
    return replace(_build(directory, lock), overlay=dict(overlay or {}))


def _build(directory: Path, lock: Fields) -> Build:
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
        sources={item.take("path", str): item.take("sha256", str) for item in lock.each("sources")},
        code=lock.strings("code") if lock.has("code") else {},
        configs={name: _file(item, name, "conf") for name, item in lock.named("configs")},
        models={name: _file(item, name, "models") for name, item in lock.named("models")},
        stages=tuple(_stage(item) for item in lock.each("stages")),
        late=read_late_values(lock.take("late_values", dict), f"{LOCK}: late_values"),
    )


def _file(item: Fields, name: str, folder: str) -> DataFile:
    file = item.take("file", str)
    if file != f"{folder}/{name}.yaml":
        raise item.wrong("file", f"{folder}/{name}.yaml")
    return DataFile(file, item.take("sha256", str), item.optional("role", str))


def _stage(item: Fields) -> Stage:
    stage = Stage(
        name=item.identifier("name"),
        run=item.optional("run", str),
        call=item.optional("call", str),
        configs=item.strings("configs"),
        model=item.optional("model", str),
        init_from=item.optional("init_from", str),
        needs=item.string_list("needs"),
        reads=tuple(
            StageOutput(r.take("stage", str), r.take("output", str)) for r in item.each("reads")
        ),
        outputs={
            name: Output(output.take("path", str), output.take("type", str))
            for name, output in item.named("outputs")
        },
    )
    if (stage.run is None) == (stage.call is None):
        raise item.wrong("run", "a stage kind, or null beside a call")
    return stage
