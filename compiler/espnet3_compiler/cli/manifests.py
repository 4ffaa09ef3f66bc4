"""Find the manifests that a command line names."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from msgspec import Struct

from espnet3_compiler.cli.arguments import MANIFEST
from espnet3_compiler.cli.owners import (
    SKIPPED_FOLDERS,
    YAML,
    is_foreign,
    is_manifest,
    naming_manifests,
    owning_manifests,
    using_manifests,
)
from espnet3_compiler.filesystem import is_directory, path_exists, real_path, shown_path

LOCK_SUFFIX = ".lock.json"
CHECKED = (*YAML, ".py")
"""What files end with that a manifest may stand for."""


class FoundManifests(Struct, frozen=True):
    """The manifests of a command line.

    Attributes:
        paths: Each once and in order.
        problems: What is wrong with the words of the command line.
        notes: What was done with those that name no manifest.
    """

    paths: tuple[Path, ...]
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def find_manifests(paths: Iterable[Path]) -> FoundManifests:
    """Return the manifests that paths name.

    A directory is searched for files called ``recipe.yaml``, except hidden directories and the
    output of recipes. A config or a module of a recipe stands for the manifests that own it.
    """
    every = [_find_one(path) for path in paths]
    return FoundManifests(
        _each_once(path for found in every for path in found.paths),
        tuple(problem for found in every for problem in found.problems),
        tuple(note for found in every for note in found.notes),
    )


def find_owners(paths: Iterable[Path]) -> FoundManifests:
    """Return the manifests that changed files belong to; other files are passed over."""
    files = [path for path in paths if path.suffix in CHECKED and path_exists(path)]
    return FoundManifests(_each_once(owner for path in files for owner in using_manifests(path)))


def _each_once(paths: Iterable[Path]) -> tuple[Path, ...]:
    return tuple({real_path(path): path for path in paths}.values())


def _find_one(path: Path) -> FoundManifests:
    if is_directory(path):
        return _find_below(path)
    if not path_exists(path):
        return FoundManifests((), (f'there is no file "{path}"',))
    if owners := _owners_of(path):
        names = " and ".join(f'"{shown_path(owner)}"' for owner in owners)
        note = f'"{path}" is no manifest; what is checked is {names}, which it belongs to'
        return FoundManifests(owners, (), (note,))
    other = path.suffix == ".py" or (not path.name.endswith(LOCK_SUFFIX) and is_foreign(path))
    if other:
        return FoundManifests((), (f'"{path}" is no manifest of a recipe, and belongs to none',))
    return FoundManifests((path,))


def _owners_of(path: Path) -> tuple[Path, ...]:
    """Return the manifests that a file stands for that is none itself."""
    if path.suffix not in CHECKED or path.name == MANIFEST or is_manifest(path):
        return ()
    certain = path.suffix == ".py" or is_foreign(path)
    return owning_manifests(path) if certain else naming_manifests(path)


def _find_below(directory: Path) -> FoundManifests:
    every = sorted(_manifests_below(directory))
    others = [path for path in every if is_foreign(path)]
    notes = [f'"{path}" was passed over: it is no manifest of a recipe' for path in others]
    found = tuple(path for path in every if path not in others)
    problem = f'there is no {MANIFEST} in or below "{directory}"'
    return FoundManifests(found, () if found else (problem,), tuple(notes))


def _manifests_below(directory: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(directory):
        folders[:] = [
            name for name in folders if not name.startswith(".") and name not in SKIPPED_FOLDERS
        ]
        if MANIFEST in files:
            yield Path(folder) / MANIFEST
