"""The files of a recipe that ``include`` and ``exclude`` of a packing stage choose.

Python refuses ``.``, and before 3.13 ``src/**.py``, as globs; here, as in the runtime, they mean
the recipe itself and ``src/*.py``.
"""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

_MAX_FILES = 5000


def select_files(
    directory: Path, include: Sequence[str], exclude: Sequence[str], *, ending: str = ".py"
) -> set[str] | None:
    """Return the chosen files, relative to the recipe; None where they cannot be told.

    Args:
        directory: The recipe directory.
        include: Globs of files, and of complete directories.
        exclude: Globs of files and directories that are left out.
        ending: Of the files below complete directories; all others are left out.
    """
    found: set[str] = set()
    for pattern in include:
        if ".." in PurePosixPath(pattern).parts or pattern.startswith("/"):
            return None
        try:
            for path in _matches(directory, pattern):
                for file in path.rglob(f"*{ending}") if path.is_dir() else (path,):
                    name = PurePosixPath(file.relative_to(directory).as_posix())
                    if not _is_excluded(name, exclude) and file.is_file():
                        found.add(name.as_posix())
                if len(found) > _MAX_FILES:
                    return None
        except (OSError, ValueError):  # a name that is too long, or a null character
            return None
    return found


def takes_everything(pattern: str) -> bool:
    """Say whether a glob is the recipe itself: ``.``, ``*`` or ``**``."""
    return not pattern.strip("./*") and ".." not in pattern


def _matches(directory: Path, pattern: str) -> Iterable[Path]:
    parts = PurePosixPath(pattern).parts
    plain = (part if part == "**" else re.sub(r"\*+", "*", part) for part in parts)
    return directory.glob("/".join(plain)) if parts else (directory,)


def _is_excluded(name: PurePosixPath, patterns: Sequence[str]) -> bool:
    """Return whether a pattern matches a file or a directory around it."""
    shorter = [pattern.removeprefix("**/") for pattern in patterns]
    known = [pattern for pattern in shorter if PurePosixPath(pattern).parts]
    return any(path.match(pattern) for path in (name, *name.parents) for pattern in known)
