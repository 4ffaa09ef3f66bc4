"""A whole ESPnet3 recipe as configs of ours, before they become files."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from espnet3_compiler.convert import inference, metrics, models, publication, training
from espnet3_compiler.convert.artifacts import Artifacts, artifacts
from espnet3_compiler.convert.draft import Block, Context, Draft
from espnet3_compiler.convert.load import Reader
from espnet3_compiler.convert.notes import DROPPED, Notes
from espnet3_compiler.convert.roles import RoleFile, find, of_role
from espnet3_compiler.convert.system import find_system
from espnet3_compiler.convert.targets import translated
from espnet3_compiler.convert.values import Values
from espnet3_compiler.tree import Mapping, Scalar

FOLDERS = {
    "recipe_dir": ".",
    "data_dir": "data",
    "exp_dir": "exp/${exp_tag}",
    "stats_dir": "exp/stats",
    "inference_dir": "exp/${exp_tag}/inference",
}


@dataclass(frozen=True)
class Config:
    """A config of ours and the file that it comes from; ``model`` only for training."""

    file: RoleFile
    draft: Draft
    model: Draft | None = None
    settings: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Found:
    """Everything that was read of a recipe.

    Attributes:
        name: ``<corpus>/<task>``.
        system: ``asr`` or ``base``.
        trainings: The main training config, then its variants.
        others: Configs of the other roles, the main one of each role first.
    """

    name: str
    system: str
    trainings: tuple[Config, ...]
    others: dict[str, tuple[Config, ...]]


def name_of(directory: Path) -> str:
    """Return ``<corpus>/<task>``: the last two directories, as ESPnet3 lays recipes out."""
    place = directory.resolve()
    clean = [
        re.sub(r"[^A-Za-z0-9_.-]", "_", name) or "recipe"
        for name in (place.parent.name, place.name)
    ]
    return "/".join(part if part[0] not in "-." else f"_{part}" for part in clean)


def read_recipe(directory: Path, notes: Notes, reader: Reader) -> Found:
    """Read and translate the configs of a recipe directory.

    Args:
        directory: The recipe of ESPnet3.
        notes: Collects what cannot be carried over.
        reader: Reads ESPnet3's YAML files with their bases.
    """
    name = name_of(directory)
    system, reader.template = find_system(directory, notes)
    files, strangers = find(directory)
    for path in strangers:
        why = "it plays no role by its name or content"
        notes.add_file(DROPPED, path.relative_to(directory).as_posix(), why)
    trainings: list[Config] = []
    known = artifacts(FOLDERS, None)
    for file in of_role(files, "training"):
        root = reader.read(file.path, "training")
        if root is not None:
            made, of_this = _training(file, root, directory, name, notes)
            known = of_this if not trainings else known
            trainings.append(made)
    others = {}
    for role in ("inference", "metrics", "publication", "demo"):
        read = [(file, reader.read(file.path, role)) for file in of_role(files, role)]
        others[role] = tuple(
            _other(file, root, known, directory, name, notes) for file, root in read if root
        )
    return Found(name, system, tuple(trainings), others)


def _context(
    file: RoleFile, root: Mapping, known: Artifacts, directory: Path, name: str, notes: Notes
) -> Context:
    folder = file.path.parent.relative_to(directory).as_posix()
    values = Values(root, file.stem, folder, notes)
    return Context(values, known, notes, lambda path: translated(path, name))


def _training(
    file: RoleFile, root: Mapping, directory: Path, name: str, notes: Notes
) -> tuple[Config, Artifacts]:
    plain = _context(file, root, Artifacts(FOLDERS), directory, name, Notes())
    folders = FOLDERS | {key: _folder(plain, key) for key in ("data_dir", "exp_dir", "stats_dir")}
    folders["inference_dir"] = f"{folders['exp_dir']}/inference"
    tokenizer = plain.values.plain(root.get("tokenizer"), ("tokenizer",))
    known = artifacts(folders, tokenizer if isinstance(tokenizer, dict) else None)
    block = Block(root, (), _context(file, root, known, directory, name, notes))
    settings = {
        key: folders[key] for key in ("data_dir", "exp_dir") if folders[key] != FOLDERS[key]
    }
    tag = root.get("exp_tag")
    if isinstance(tag, Scalar) and tag.span.source.kind == "file" and tag.value:
        given = block.raw("exp_tag")
        if tag.value != "${self_name:}" and isinstance(given, str):
            settings["exp_tag"] = given
    ours = training.carry_training(block)
    model = models.carry_model(Block(root, (), block.context), ours)
    return Config(file, ours, model, settings), known


def _folder(context: Context, key: str) -> str:
    """Return a directory relative to the recipe; ``${exp_tag}`` stays."""
    node = context.values.root.get(key)
    value = context.values.plain(node, (key,))
    return context.artifacts.normal(str(value)) if value else FOLDERS[key]


def _other(
    file: RoleFile, root: Mapping, known: Artifacts, directory: Path, name: str, notes: Notes
) -> Config:
    folders = dict(known.folders)
    plain = _context(file, root, Artifacts(folders), directory, name, Notes())
    value = plain.values.plain(root.get("inference_dir"), ("inference_dir",))
    paths = dict(known.known)
    if isinstance(value, str):
        paths[plain.artifacts.normal(value)] = "${stages.infer.inference_dir}"
    context = _context(file, root, Artifacts(folders, paths), directory, name, notes)
    block = Block(root, (), context)
    if file.role == "demo":
        return Config(file, publication.carry_demo(block, directory))
    carry = {
        "inference": inference.carry_inference,
        "metrics": metrics.carry_metrics,
        "publication": publication.carry_publication,
    }[file.role]
    return Config(file, carry(block))
