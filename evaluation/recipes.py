"""The shipped recipes: where they lie, what of them is not copied, how values are given."""

import shutil
from collections.abc import Iterable
from pathlib import Path

RECIPES = Path(__file__).parents[1] / "recipes"
GENERATED = shutil.ignore_patterns("build", "data", "exp", "downloads", "__pycache__")
"""What compiling and running make; for ``shutil.copytree``."""


def settings(values: Iterable[str]) -> list[str]:
    """Return the words ``--set VALUE`` of a command for each value."""
    return [word for value in values for word in ("--set", value)]
