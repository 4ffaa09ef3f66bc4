"""Code of the recipe, files and packages that a stage uses besides its settings."""

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from espnet3_runtime.build.lock import Build
from espnet3_runtime.build.model_node import TASK, is_task
from espnet3_runtime.build.recipe_globs import select_files
from espnet3_runtime.config import ConfigView
from espnet3_runtime.incremental.code_module import is_local
from espnet3_runtime.incremental.code_walk import Code, collect_code
from espnet3_runtime.incremental.hashing import iter_files
from espnet3_runtime.incremental.held_code import outside_root
from espnet3_runtime.incremental.slices import SPLITS, look_up
from espnet3_schemas import TARGET
from espnet3_schemas.build_records import Stage
from espnet3_schemas.bundles import BUNDLE_RECORD

_DOTTED = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+")
_LONGEST_PATH = 1000
_LOADS_BUNDLE = ".InferenceModel.from_packed"
Walks = dict[tuple[object, ...], Code]
"""What was found in the code, by where it was looked from: the same for all stages of a plan."""

_IMPORTED = {
    "espnet3_runtime.data.preprocess": ("sentencepiece",),
    "espnet3_runtime.metrics.ter": ("sentencepiece", "jiwer"),
    "espnet3_runtime.metrics.wer": ("jiwer",),
    "espnet3_runtime.metrics.cer": ("jiwer",),
    "espnet3_runtime.task_bridge.decode": ("espnet2",),
}
"""Packages that modules of this runtime import besides those of their stage kinds."""


def texts_of(views: Iterable[ConfigView]) -> list[str]:
    """Return every string in configs."""
    return [leaf for view in views for _, leaf in view.flat_leaves if isinstance(leaf, str)]


def code_of(
    build: Build,
    stage: Stage,
    configs: Iterable[ConfigView],
    texts: list[str],
    walks: Walks | None = None,
) -> Code:
    """Return the code that a stage runs, as far as it belongs to a recipe.

    It starts from every dotted name in the settings that names something of the recipe or of
    a package without a fixed version, the function of a ``call`` stage, the classes of the
    dataset entries, and the stage's method in the recipe's own System.

    Args:
        build: The compiled recipe.
        stage: The stage.
        configs: The parts of configs that it reads.
        texts: Every text in its settings.
        walks: What was found for other stages since the code was held; grows.
    """
    walks = {} if walks is None else walks
    roots = {text for text in texts if _DOTTED.fullmatch(text) and _is_followed(text, build)}
    if stage.call is not None:
        roots.add(stage.call)
    own = stage.run is not None and _is_followed(build.system, build)
    method = (build.system, str(stage.run)) if own else None
    datasets = {} if "packs" in stage.facts else _dataset_classes(build, stage, configs)
    roots |= datasets.pop(build.recipe_dir, set())
    code = _walk_once(walks, build, roots, build.recipe_dir, method)
    for base, names in sorted(datasets.items()):
        other = _walk_once(walks, build, names, base)
        prefix = f"{base.parent.name}/{base.name}"
        modules = {f"{prefix}/{path}": digest for path, digest in other.modules.items()}
        code = Code(
            {**code.modules, **modules}, code.texts | other.texts, code.packages | other.packages
        )
    return code


def _walk_once(
    walks: Walks,
    build: Build,
    roots: set[str],
    base: Path,
    method: tuple[str, str] | None = None,
) -> Code:
    key = (frozenset(roots), base, method)
    if key not in walks:
        aside = (build.directory, build.experiment, build.recipe_dir / build.data_dir)
        walks[key] = collect_code(roots, base, aside, method, outside=True)
    return walks[key]


def packages_of(build: Build, views: Iterable[ConfigView]) -> set[str]:
    """Return the top-level packages of ``_target_`` and ``task`` names from outside the recipe.

    For targets of this runtime, these are the packages that they import.
    """
    targets = {
        leaf
        for view in views
        for path, leaf in view.flat_leaves
        if isinstance(leaf, str) and (path.endswith(TARGET) or (path == TASK and is_task(view)))
    }
    found = {target.partition(".")[0] for target in targets}
    used = {name for target in targets for name in _IMPORTED.get(target.rpartition(".")[0], ())}
    return used | {name for name in found if not _is_followed(name, build)}


def files_of(build: Build, texts: Sequence[str], code: Code, made: Iterable[Path]) -> set[Path]:
    """Return existing files that settings name, or that the code names inside of the recipe.

    Of a bundle it is the file that has the hashes of all others.

    Args:
        build: The build.
        texts: Strings of the settings.
        code: The code, with its string constants.
        made: Paths that this stage or an earlier one makes: left out.
    """
    named = {build.recipe_dir / text for text in texts if _is_path(text)}
    for text, directory in code.texts:
        if _is_path(text) and not text.startswith(("/", "~")):
            place = os.path.relpath(directory, build.recipe_dir)  # the same in a copy elsewhere
            named |= {build.recipe_dir / text, build.recipe_dir / place / text}
    bundles = set(named)
    if any(text.endswith(_LOADS_BUNDLE) for text in texts):  # whose directory may be one word
        bundles |= {build.recipe_dir / text for text in texts if _is_name(text)}
    named |= {path / BUNDLE_RECORD for path in bundles}
    own = set(made)
    foreign = named - own
    return {path for path in foreign if _is_file(path) and own.isdisjoint(path.parents)}


def packed_files(build: Build, stage: Stage, configs: Mapping[str, ConfigView]) -> set[Path]:
    """Return the files that a packing stage copies as they are, comments and all.

    Args:
        build: The compiled recipe.
        stage: The stage.
        configs: Its configs by role.

    Raises:
        UserError: A glob leaves the recipe.
    """
    role, _, path = stage.facts.get("packs", "").partition(".")
    settings = look_up(configs[role], path) if role in configs else None
    if settings is None:
        return set()
    names = select_files(build.recipe_dir, settings["include"], settings["exclude"])
    named = [build.recipe_dir / name for name in dict(settings).get("files", {}).values()]
    folders = [folder for folder in named if folder.is_dir()]
    inner = {folder / name for folder in folders for name, _ in iter_files(folder, hidden=True)}
    return {build.recipe_dir / name for name in names} | inner


def _is_followed(name: str, build: Build) -> bool:
    """Say whether a dotted name belongs to the recipe or to a package without a fixed version."""
    return is_local(name, build.recipe_dir) or outside_root(name.partition(".")[0]) is not None


def _dataset_classes(
    build: Build, stage: Stage, configs: Iterable[ConfigView]
) -> dict[Path, set[str]]:
    """Return the classes that dataset entries use, by the directory of the recipe they are in."""
    name = "DatasetBuilder" if stage.run == "create_dataset" else "Dataset"
    found: dict[Path, set[str]] = {}
    for config in configs:
        block = dict(config).get("dataset")
        entries = (entry for split in SPLITS for entry in (block or {}).get(split) or ())
        for entry in entries:
            base, module = _locate_source(build, entry.get("data_src"))
            found.setdefault(base, set()).add(f"{module}.{name}")
    return found


def _locate_source(build: Build, source: str | None) -> tuple[Path, str]:
    if source is None:
        return build.recipe_dir, "dataset"
    if "/" in source:
        return build.recipe_dir.parent.parent / source, "dataset"
    return build.recipe_dir, source


def _is_path(text: str) -> bool:
    """Say whether a text may be a path as it is written: not one that late values complete."""
    return ("/" in text or "." in text) and "${" not in text and _is_name(text)


def _is_name(text: str) -> bool:
    return 0 < len(text) < _LONGEST_PATH and text.isprintable()


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False
