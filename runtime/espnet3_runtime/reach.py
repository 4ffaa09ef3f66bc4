"""What a stage can reach outside of its settings: code of the recipe, files, and packages."""

import re
from collections.abc import Iterable
from pathlib import Path

from espnet3_runtime.build import Build, Stage
from espnet3_runtime.code_hash import Code, collect, is_local
from espnet3_runtime.config import ConfigView
from espnet3_runtime.models import TASK, is_task

_DOTTED = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+")
_LONGEST_PATH = 1000
_SPLITS = ("train", "valid", "test")


def texts_of(views: Iterable[ConfigView]) -> list[str]:
    """Return every string in configs."""
    return [leaf for view in views for _, leaf in view.flat if isinstance(leaf, str)]


def code_of(build: Build, stage: Stage, configs: Iterable[ConfigView], texts: list[str]) -> Code:
    """Return the code that a stage runs, as far as it belongs to a recipe.

    It starts from every dotted name in the settings that names something of the recipe, the
    function of a ``call`` stage, the classes of the dataset entries, and the stage's method in
    the recipe's own System.
    """
    roots = {text for text in texts if _DOTTED.fullmatch(text) and is_local(text, build.recipe_dir)}
    if stage.call is not None:
        roots.add(stage.call)
    own = stage.run is not None and is_local(build.system, build.recipe_dir)
    method = (build.system, str(stage.run)) if own else None
    datasets = _datasets(build, stage, configs)
    roots |= datasets.pop(build.recipe_dir, set())
    aside = (build.directory, build.experiment, build.recipe_dir / build.data_dir)
    code = collect(roots, build.recipe_dir, aside, method)
    for base, names in sorted(datasets.items()):
        other = collect(names, base, aside)
        prefix = f"{base.parent.name}/{base.name}"
        modules = {f"{prefix}/{path}": digest for path, digest in other.modules.items()}
        code = Code(
            {**code.modules, **modules}, code.texts | other.texts, code.packages | other.packages
        )
    return code


def packages_of(build: Build, views: Iterable[ConfigView]) -> set[str]:
    """Return the top-level packages of ``_target_`` and ``task`` names from outside the recipe."""
    found = {
        leaf.partition(".")[0]
        for view in views
        for path, leaf in view.flat
        if isinstance(leaf, str) and (path.endswith("_target_") or (path == TASK and is_task(view)))
    }
    return {name for name in found if not is_local(name, build.recipe_dir)}


def files_of(build: Build, texts: Iterable[str], code: Code, made: Iterable[Path]) -> set[Path]:
    """Return existing files that settings name, or that the code names inside of the recipe.

    Args:
        build: The build.
        texts: Strings of the settings.
        code: The code, with its string constants.
        made: What this stage or an earlier one makes: not looked at here.
    """
    named = {build.recipe_dir / text for text in texts if _is_path(text)}
    for text, directory in code.texts:
        if _is_path(text) and not text.startswith(("/", "~")):
            named |= {build.recipe_dir / text, directory / text}
    places = set(made)
    return {
        path
        for path in named
        if path.suffix != ".py" and _is_file(path) and not places & {path, *path.parents}
    }


def _datasets(build: Build, stage: Stage, configs: Iterable[ConfigView]) -> dict[Path, set[str]]:
    """Return the classes that dataset entries use, by the directory of the recipe they are in."""
    name = "DatasetBuilder" if stage.run == "create_dataset" else "Dataset"
    found: dict[Path, set[str]] = {}
    for config in configs:
        block = dict(config).get("dataset")
        entries = (entry for split in _SPLITS for entry in (block or {}).get(split) or ())
        for entry in entries:
            base, module = _source(build, entry.get("data_src"))
            found.setdefault(base, set()).add(f"{module}.{name}")
    return found


def _source(build: Build, source: str | None) -> tuple[Path, str]:
    if source is None:
        return build.recipe_dir, "dataset"
    if "/" in source:
        return build.recipe_dir.parent.parent / source, "dataset"
    return build.recipe_dir, source


def _is_path(text: str) -> bool:
    return 0 < len(text) < _LONGEST_PATH and ("/" in text or "." in text) and text.isprintable()


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False
