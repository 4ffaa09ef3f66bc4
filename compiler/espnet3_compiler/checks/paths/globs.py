"""The files of a recipe that ``include`` and ``exclude`` of a packing stage choose.

Python refuses ``.``, and before 3.13 ``src/**.py``, as globs; here, as in the runtime, they mean
the recipe itself and ``src/*.py``.
"""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path, PurePath, PurePosixPath

from espnet3_compiler.filesystem import is_file

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
                names = _names_of(path, directory, ending)
                found.update(name.as_posix() for name in names if not _is_excluded(name, exclude))
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


def _names_of(path: Path, directory: Path, ending: str) -> Iterator[PurePath]:
    """Yield a file, or those below a folder with some ending, relative to the recipe."""
    if is_file(path):
        yield path.relative_to(directory)
    for folder, _, names in os.walk(path):
        place = Path(folder).relative_to(directory)
        for name in names:
            if name.endswith(ending) and os.path.isfile(f"{folder}/{name}"):  # noqa: PTH113
                yield place / name


def _is_excluded(name: PurePath, patterns: Sequence[str]) -> bool:
    """Return whether a pattern matches a file or a directory around it."""
    return any(_is_matched(name, pattern.removeprefix("**/")) for pattern in patterns)


def _is_matched(name: PurePath, pattern: str) -> bool:
    if "/" not in pattern:  # most: each name of a path is compared with it
        return any(fnmatchcase(part, pattern) for part in name.parts)
    several = bool(PurePosixPath(pattern).parts)
    return several and any(path.match(pattern) for path in (name, *name.parents))
