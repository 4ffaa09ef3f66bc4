"""The files of a recipe that the packing stages copy unchanged."""

from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from espnet3_runtime.errors import UserError


def select_files(recipe_dir: Path, include: Sequence[str], exclude: Sequence[str]) -> Iterator[str]:
    """Yield names of files, relative to the recipe; some may come twice.

    Args:
        recipe_dir: The recipe.
        include: Globs of files, and of complete directories.
        exclude: Globs of files and directories that are left out.

    Raises:
        UserError: A glob leads out of the recipe.
    """
    for pattern in include:
        if pattern.startswith("/") or ".." in PurePosixPath(pattern).parts:
            raise UserError(f'"{pattern}" leads out of the recipe', where="pack_model.include")
        for found in recipe_dir.glob(pattern):
            for path in found.rglob("*") if found.is_dir() else (found,):
                name = path.relative_to(recipe_dir)
                if path.is_file() and not _is_excluded(PurePosixPath(name.as_posix()), exclude):
                    yield name.as_posix()


def _is_excluded(name: PurePosixPath, patterns: Sequence[str]) -> bool:
    """Say whether a pattern matches a file or a directory around it."""
    return any(
        path.match(pattern.removeprefix("**/"))
        for path in (name, *name.parents)
        for pattern in patterns
    )
