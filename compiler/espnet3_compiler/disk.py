"""Whether something is there, by any name that a manifest may hold.

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
