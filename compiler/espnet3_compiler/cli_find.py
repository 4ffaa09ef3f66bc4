"""Manifests that the paths on the command line mean."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from espnet3_compiler.disk import exists, is_folder

MANIFEST = "recipe.yaml"
PASSED_OVER = ("build", "exp", "data", "downloads", "node_modules", "__pycache__")


def find_manifests(paths: Iterable[Path]) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    """Return the manifests, each once and in order, and what is wrong with the paths.

    A directory is searched for files called ``recipe.yaml``; hidden directories and what recipes
    produce are passed over.
    """
    manifests: dict[Path, Path] = {}
    problems = []
    for path in paths:
        found = sorted(_below(path)) if is_folder(path) else [path]
        if not found:
            problems.append(f'there is no {MANIFEST} in or below "{path}"')
        elif not exists(path):
            problems.append(f'there is no file "{path}"')
        else:
            manifests |= {manifest.resolve(): manifest for manifest in found}
    return tuple(manifests.values()), tuple(problems)


def _below(directory: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(directory):
        folders[:] = [
            name for name in folders if not name.startswith(".") and name not in PASSED_OVER
        ]
        if MANIFEST in files:
            yield Path(folder) / MANIFEST
