"""Read an ESPnet3 recipe and translate its configs, before they are written to files."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from espnet3_compiler.convert import inference, metrics, models, publication, training
from espnet3_compiler.convert.artifacts import (
    INFERENCE_DIR,
    Artifacts,
    build_artifacts,
    translate_target,
)
from espnet3_compiler.convert.draft import Block, ConfigDraft, ConversionContext
from espnet3_compiler.convert.load import RecipeReader
from espnet3_compiler.convert.notes import DROPPED, Notes
from espnet3_compiler.convert.roles import RoleFile, find_config_files
from espnet3_compiler.convert.system import find_system
from espnet3_compiler.convert.values import Interpolator
from espnet3_compiler.syntax.tree import Mapping, Scalar

FOLDERS = {
    "recipe_dir": ".",
    "data_dir": "data",
    "exp_dir": "exp/${exp_tag}",
    "stats_dir": "exp/stats",
    "inference_dir": "exp/${exp_tag}/inference",
}


@dataclass(frozen=True)
class ConvertedConfig:
    """A config of ours and the file that it comes from; ``model`` only for training."""

    file: RoleFile
    draft: ConfigDraft
    model: ConfigDraft | None = None
    settings: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ConvertedRecipe:
    """The translated configs of a recipe.

    Attributes:
        name: ``<corpus>/<task>``.
        system: ``asr`` or ``base``.
        trainings: The main training config, then its variants.
        others: Configs of the other roles, the main one of each role first.
    """

    name: str
    system: str
    trainings: tuple[ConvertedConfig, ...]
    others: dict[str, tuple[ConvertedConfig, ...]]


def read_recipe(directory: Path, notes: Notes, reader: RecipeReader) -> ConvertedRecipe:
    """Read and translate the configs of a recipe directory.

    Args:
        directory: The recipe of ESPnet3.
        notes: Collects what cannot be carried over.
        reader: Reads ESPnet3's YAML files with their bases.
    """
    names = (directory.resolve().parent.name, directory.resolve().name)
    clean = [re.sub(r"[^A-Za-z0-9_.-]", "_", name) or "recipe" for name in names]
    name = "/".join(part if part[0] not in "-." else f"_{part}" for part in clean)
    system, reader.template = find_system(directory, notes)
    files, without_role = find_config_files(directory)
    for path in without_role:
        why = "neither its name nor its content says its role"
        notes.add_file(DROPPED, path.relative_to(directory).as_posix(), why)
    read = [(file, root) for file in files if (root := reader.read(file.path, file.role))]
    translator = _Translator(directory, name, notes)
    trainings = [
        translator.training_config(file, root) for file, root in read if file.role == "training"
    ]
    known = trainings[0][1] if trainings else build_artifacts(FOLDERS, None)
    others = {
        role: tuple(
            ConvertedConfig(file, translate(translator.other_block(file, root, known)))
            for file, root in read
            if file.role == role
        )
        for role, translate in _translations(directory).items()
    }
    return ConvertedRecipe(name, system, tuple(config for config, _ in trainings), others)


def _translations(directory: Path) -> dict[str, Callable[[Block], ConfigDraft]]:
    return {
        "inference": inference.convert_inference,
        "metrics": metrics.convert_metrics,
        "publication": publication.convert_publication,
        "demo": lambda root: publication.convert_demo(root, directory),
    }


@dataclass
class _Translator:
    """Translates the configs of one recipe, called ``name``."""

    directory: Path
    name: str
    notes: Notes

    def block(
        self, file: RoleFile, root: Mapping, artifacts: Artifacts, notes: Notes | None = None
    ) -> Block:
        notes = self.notes if notes is None else notes
        folder = file.path.parent.relative_to(self.directory).as_posix()
        values = Interpolator(root, file.path.stem, folder, notes)

        def target(path: str) -> str:
            return translate_target(path, self.name)

        return Block(root, (), ConversionContext(values, artifacts, notes, target))

    def training_config(self, file: RoleFile, root: Mapping) -> tuple[ConvertedConfig, Artifacts]:
        plain = self.block(file, root, Artifacts(FOLDERS), Notes())
        folders = dict(FOLDERS)
        for key in ("data_dir", "exp_dir", "stats_dir"):
            if value := plain.raw_value(key):
                folders[key] = plain.context.artifacts.normalize_path(str(value))
        folders["inference_dir"] = f"{folders['exp_dir']}/inference"
        tokenizer = plain.raw_value("tokenizer")
        artifacts = build_artifacts(folders, tokenizer if isinstance(tokenizer, dict) else None)
        block = self.block(file, root, artifacts)
        changed = [key for key in ("data_dir", "exp_dir") if folders[key] != FOLDERS[key]]
        settings = {key: folders[key] for key in changed}
        tag = root.get("exp_tag")
        if isinstance(tag, Scalar) and tag.span.source.kind == "file" and tag.value:
            given = block.raw_value("exp_tag")
            if tag.value != "${self_name:}" and isinstance(given, str):
                settings["exp_tag"] = given
        draft = training.convert_training(block)
        model = models.convert_model(Block(root, (), block.context), draft)
        return ConvertedConfig(file, draft, model, settings), artifacts

    def other_block(self, file: RoleFile, root: Mapping, known: Artifacts) -> Block:
        """Return the content of a config of another role than training."""
        plain = self.block(file, root, Artifacts(known.folders), Notes())
        value = plain.raw_value("inference_dir")
        paths = dict(known.known)
        if isinstance(value, str):
            paths[plain.context.artifacts.normalize_path(value)] = INFERENCE_DIR
        return self.block(file, root, Artifacts(known.folders, paths))
