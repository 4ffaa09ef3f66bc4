"""Files on the disk: whether one is there, by any name that a manifest may hold, and writing one.

``Path.is_file`` raises for names that are too long for the disk and for folders that may not be
entered; to a recipe both are simply not there.
"""

import os
from pathlib import Path


def is_file(path: Path) -> bool:
    """Return whether a path is a file that can be seen."""
    return os.path.isfile(path)  # noqa: PTH113 - see above


def is_folder(path: Path) -> bool:
    """Return whether a path is a folder that can be seen."""
    return os.path.isdir(path)  # noqa: PTH112 - see above


def exists(path: Path) -> bool:
    """Return whether there is anything at a path that can be seen."""
    return os.path.exists(path)  # noqa: PTH110 - see above


def put(path: Path, data: bytes) -> None:
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
