"""The files of a recipe that the packing stages copy unchanged.

Python refuses ``.``, and before 3.13 ``src/**.py``, as globs; here they mean the recipe itself and
``src/*.py``.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath

from espnet3_runtime.errors import UserError


def select_files(
    recipe_dir: Path,
    include: Sequence[str],
    exclude: Sequence[str],
    *,
    where: str = "pack_model.include",
) -> Iterator[str]:
    """Yield names of files, relative to the recipe; some may come twice.

    Args:
        recipe_dir: The recipe.
        include: Globs of files, and of complete directories.
        exclude: Globs of files and directories that are left out.
        where: The key path of the globs, for messages.

    Raises:
        UserError: A glob leaves the recipe.
    """
    for pattern in include:
        if pattern.startswith("/") or ".." in PurePosixPath(pattern).parts:
            raise UserError(
                f'"{pattern}" leaves the recipe directory',
                where=where,
                hint="write a path relative to the recipe directory, without ..",
            )
        for found in _matches(recipe_dir, pattern):
            for path in found.rglob("*") if found.is_dir() else (found,):
                name = path.relative_to(recipe_dir)
                if path.is_file() and not _is_excluded(PurePosixPath(name.as_posix()), exclude):
                    yield name.as_posix()


def _matches(recipe_dir: Path, pattern: str) -> Iterable[Path]:
    parts = PurePosixPath(pattern).parts
    plain = (part if part == "**" else re.sub(r"\*+", "*", part) for part in parts)
    return recipe_dir.glob("/".join(plain)) if parts else (recipe_dir,)


def _is_excluded(name: PurePosixPath, patterns: Sequence[str]) -> bool:
    """Say whether a pattern matches a file or a directory around it."""
    shorter = [pattern.removeprefix("**/") for pattern in patterns]
    return any(
        path.match(pattern)
        for path in (name, *name.parents)
        for pattern in shorter
        if PurePosixPath(pattern).parts
    )
