"""Files on the disk: whether one is there, by any name that a manifest may hold, and writing one.

A checkout without symbolic links (Windows, an unpacked archive) has a small file in the place of
each, which holds the path that the link leads to and no end of a line.

``Path.is_file`` raises for names that are too long for the disk and for folders that may not be
entered; to a recipe both are simply not there.
"""

import os
from pathlib import Path

_LONGEST_LINK = 400
"""Characters of a path that a file in the place of a link may hold."""


def is_file(path: Path) -> bool:
    """Return whether a path is a file that can be seen."""
    return os.path.isfile(path)  # noqa: PTH113 - see above


def is_directory(path: Path) -> bool:
    """Return whether a path is a folder that can be seen."""
    return os.path.isdir(path)  # noqa: PTH112 - see above


def path_exists(path: Path) -> bool:
    """Return whether there is anything at a path that can be seen."""
    return os.path.exists(path)  # noqa: PTH110 - see above


def broken_link(path: Path) -> str | None:
    """Return where a link should lead that leads nowhere or is a mere file; None for all else."""
    try:
        if path.is_symlink():
            return None if path.exists() else path.readlink().as_posix()
        if not path.is_file() or path.stat().st_size > _LONGEST_LINK:
            return None
        text = path.read_text("utf-8")
        is_path = text.isprintable() and text.strip("./")
        leads = text.startswith("../") or (path.parent / text).exists()
    except (OSError, ValueError):
        return None
    return text if is_path and leads else None


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file whole or not at all, with the permissions of the one that it replaces.

    Raises:
        OSError: The disk refuses.
    """
    partial = path.with_name(f".{path.name}.partial-{os.getpid()}")
    mode = path.stat().st_mode if path.exists() else None
    try:
        if mode is not None:
            partial.touch(0o600)  # what was private is at no time public
        partial.write_bytes(data)
        if mode is not None:
            partial.chmod(mode)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
