"""The files of a recipe that ``include`` and ``exclude`` of a packing stage choose.

Python refuses ``.``, and before 3.13 ``src/**.py``, as globs; here, as in the runtime, they mean
the recipe itself and ``src/*.py``.
"""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
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
                for file in _files_below(path, ending) if path.is_dir() else (path,):
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


def _files_below(folder: Path, ending: str) -> Iterator[Path]:
    for inner, _, names in os.walk(folder):
        yield from (Path(inner, name) for name in names if name.endswith(ending))


def _is_excluded(name: PurePosixPath, patterns: Sequence[str]) -> bool:
    """Return whether a pattern matches a file or a directory around it."""
    return any(_is_matched(name, pattern.removeprefix("**/")) for pattern in patterns)


def _is_matched(name: PurePosixPath, pattern: str) -> bool:
    if "/" not in pattern:  # most: each name of a path is compared with it
        return any(fnmatchcase(part, pattern) for part in name.parts)
    several = bool(PurePosixPath(pattern).parts)
    return several and any(path.match(pattern) for path in (name, *name.parents))
