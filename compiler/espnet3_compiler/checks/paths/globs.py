"""The files of a recipe that ``include`` and ``exclude`` of a packing stage choose."""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

_MAX_FILES = 5000


def select_files(
    directory: Path, include: Sequence[str], exclude: Sequence[str]
) -> set[str] | None:
    """Return the chosen files, relative to the recipe; None where they cannot be told.

    Args:
        directory: The recipe directory.
        include: Globs of files, and of complete directories.
        exclude: Globs of files and directories that are left out.
    """
    found: set[str] = set()
    for pattern in include:
        parts = PurePosixPath(pattern).parts
        if not parts or ".." in parts or pattern.startswith("/"):
            return None
        for path in directory.glob(pattern):
            for file in path.rglob("*.py") if path.is_dir() else (path,):
                name = PurePosixPath(file.relative_to(directory).as_posix())
                if not _is_excluded(name, exclude):
                    found.add(name.as_posix())
            if len(found) > _MAX_FILES:
                return None
    return found


def _is_excluded(name: PurePosixPath, patterns: Sequence[str]) -> bool:
    """Return whether a pattern matches a file or a directory around it."""
    return any(
        path.match(pattern.removeprefix("**/"))
        for path in (name, *name.parents)
        for pattern in patterns
    )
