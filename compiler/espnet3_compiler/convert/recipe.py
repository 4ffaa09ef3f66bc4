"""A whole ESPnet3 recipe as configs of ours, before they become files."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from espnet3_compiler.convert import inference, metrics, models, publication, training
from espnet3_compiler.convert.artifacts import Artifacts, build_artifacts, translate_target
from espnet3_compiler.convert.draft import Block, ConfigDraft, ConversionContext
from espnet3_compiler.convert.load import RecipeReader
from espnet3_compiler.convert.notes import DROPPED, Notes
from espnet3_compiler.convert.roles import RoleFile, files_of_role, find_config_files
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
    """Everything that was read of a recipe.

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


def recipe_name(directory: Path) -> str:
    """Return ``<corpus>/<task>``: the last two directories, as ESPnet3 lays recipes out."""
    place = directory.resolve()
    clean = [
        re.sub(r"[^A-Za-z0-9_.-]", "_", name) or "recipe"
        for name in (place.parent.name, place.name)
    ]
    return "/".join(part if part[0] not in "-." else f"_{part}" for part in clean)


def read_recipe(directory: Path, notes: Notes, reader: RecipeReader) -> ConvertedRecipe:
    """Read and translate the configs of a recipe directory.

    Args:
        directory: The recipe of ESPnet3.
        notes: Collects what cannot be carried over.
        reader: Reads ESPnet3's YAML files with their bases.
    """
    name = recipe_name(directory)
    system, reader.template = find_system(directory, notes)
    files, strangers = find_config_files(directory)
    for path in strangers:
        why = "it plays no role by its name or content"
        notes.add_file(DROPPED, path.relative_to(directory).as_posix(), why)
    trainings: list[ConvertedConfig] = []
    known = build_artifacts(FOLDERS, None)
    for file in files_of_role(files, "training"):
        root = reader.read(file.path, "training")
        if root is not None:
            made, of_this = _read_training(file, root, directory, name, notes)
            known = of_this if not trainings else known
            trainings.append(made)
    others = {}
    for role in ("inference", "metrics", "publication", "demo"):
        read = [(file, reader.read(file.path, role)) for file in files_of_role(files, role)]
        others[role] = tuple(
            _read_other(file, root, known, directory, name, notes) for file, root in read if root
        )
    return ConvertedRecipe(name, system, tuple(trainings), others)


def _make_context(
    file: RoleFile, root: Mapping, known: Artifacts, directory: Path, name: str, notes: Notes
) -> ConversionContext:
    folder = file.path.parent.relative_to(directory).as_posix()
    values = Interpolator(root, file.stem, folder, notes)
    return ConversionContext(values, known, notes, lambda path: translate_target(path, name))


def _read_training(
    file: RoleFile, root: Mapping, directory: Path, name: str, notes: Notes
) -> tuple[ConvertedConfig, Artifacts]:
    plain = _make_context(file, root, Artifacts(FOLDERS), directory, name, Notes())
    folders = FOLDERS | {
        key: _configured_folder(plain, key) for key in ("data_dir", "exp_dir", "stats_dir")
    }
    folders["inference_dir"] = f"{folders['exp_dir']}/inference"
    tokenizer = plain.values.plain(root.get("tokenizer"), ("tokenizer",))
    known = build_artifacts(folders, tokenizer if isinstance(tokenizer, dict) else None)
    block = Block(root, (), _make_context(file, root, known, directory, name, notes))
    settings = {
        key: folders[key] for key in ("data_dir", "exp_dir") if folders[key] != FOLDERS[key]
    }
    tag = root.get("exp_tag")
    if isinstance(tag, Scalar) and tag.span.source.kind == "file" and tag.value:
        given = block.raw_value("exp_tag")
        if tag.value != "${self_name:}" and isinstance(given, str):
            settings["exp_tag"] = given
    ours = training.convert_training(block)
    model = models.convert_model(Block(root, (), block.context), ours)
    return ConvertedConfig(file, ours, model, settings), known


def _configured_folder(context: ConversionContext, key: str) -> str:
    """Return a directory relative to the recipe; ``${exp_tag}`` stays."""
    node = context.values.root.get(key)
    value = context.values.plain(node, (key,))
    return context.artifacts.normalize_path(str(value)) if value else FOLDERS[key]


def _read_other(
    file: RoleFile, root: Mapping, known: Artifacts, directory: Path, name: str, notes: Notes
) -> ConvertedConfig:
    folders = dict(known.folders)
    plain = _make_context(file, root, Artifacts(folders), directory, name, Notes())
    value = plain.values.plain(root.get("inference_dir"), ("inference_dir",))
    paths = dict(known.known)
    if isinstance(value, str):
        paths[plain.artifacts.normalize_path(value)] = "${stages.infer.inference_dir}"
    context = _make_context(file, root, Artifacts(folders, paths), directory, name, notes)
    block = Block(root, (), context)
    if file.role == "demo":
        return ConvertedConfig(file, publication.convert_demo(block, directory))
    carry = {
        "inference": inference.convert_inference,
        "metrics": metrics.convert_metrics,
        "publication": publication.convert_publication,
    }[file.role]
    return ConvertedConfig(file, carry(block))
