"""The shipped recipes: where they lie, what of them is not copied, how values are given."""

import shutil
from collections.abc import Iterable
from pathlib import Path

RECIPES = Path(__file__).parents[1] / "recipes"
GENERATED = shutil.ignore_patterns("build", "data", "exp", "downloads", "__pycache__")
"""What compiling and running make; for ``shutil.copytree``."""


def copy_recipe(directory: Path, folder: Path) -> Path:
    """Copy a recipe into a scratch folder, beside links to its sibling recipes.

    Returns:
        The copy.
    """
    corpus = folder / "recipes" / directory.parent.name
    corpus.mkdir(parents=True)
    for sibling in directory.parent.iterdir():
        if sibling.is_dir() and sibling != directory:
            (corpus / sibling.name).symlink_to(sibling.resolve())
    return shutil.copytree(directory, corpus / directory.name, ignore=GENERATED)


def settings(values: Iterable[str]) -> list[str]:
    """Return the words ``--set VALUE`` of a command for each value."""
    return [word for value in values for word in ("--set", value)]
