"""Look for files by any name that a manifest may hold, and write files atomically.

``Path.is_file`` and ``Path.glob`` raise for names (or links to names) that are too long and for
folders that may not be entered; for a recipe both do not exist.
"""

import errno
import os
import re
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

_HALF = "[\ud800-\udfff]"
_LONGEST_LINK = 400
"""Characters of a path that a file in place of a link may hold."""

Buffers = Mapping[Path, str]
"""Texts that an editor holds and has not saved, by the path with links followed."""
NO_BUFFERS: Buffers = MappingProxyType({})


class OutsideRoot(OSError):  # noqa: N818 - no fault of the compiler
    """A path that leads, links followed, out of the folder that it must stay in."""


def real_path(path: Path) -> Path:
    """Return a path with links followed as far as they lead; to nothing, or in circles."""
    try:
        return Path(os.path.realpath(path))
    except ValueError:  # a null character
        return path


def lies_below(path: Path, root: Path) -> bool:
    """Return whether a path, links followed, is a folder or something in it."""
    real = real_path(path)  # what lies above it has no links, either
    return real.is_relative_to(root) or real.is_relative_to(real_path(root))


def buffer_of(path: Path, buffers: Buffers) -> str | None:
    """Return the text of a file that is open in an editor, or None."""
    return buffers.get(real_path(path)) if buffers else None


def read_bytes(name: str) -> bytes:
    """Return what a small file holds: ``Path`` takes longer to open one than the system does."""
    with open(name, "rb", buffering=0) as file:  # noqa: PTH123
        return file.read()


def read_error(
    path: Path, root: Path, buffers: Buffers = NO_BUFFERS
) -> OSError | ValueError | None:
    """Return why a file is not read: it leads out of a folder, is a pipe, is not there; or None.

    Whatever a recipe names is asked for here before it is opened: opening a pipe waits for ever.

    Args:
        path: The file.
        root: The folder that it must lie in.
        buffers: Texts that stand in for files.
    """
    try:
        if not lies_below(path, root):
            return OutsideRoot()
        if buffer_of(path, buffers) is not None:
            return None
        mode = path.stat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            return OSError(errno.EINVAL, "not an ordinary file")
        with path.open("rb"):
            return None
    except (OSError, ValueError) as error:
        return error


def shown_path(path: Path) -> str:
    """Return a path as reports show it: relative to the working directory."""
    return Path(os.path.relpath(path)).as_posix()


def is_file(path: Path) -> bool:
    """Return whether a path is a file that can be seen."""
    return os.path.isfile(path)  # noqa: PTH113 - see above


def is_directory(path: Path) -> bool:
    """Return whether a path is a folder that can be seen."""
    return os.path.isdir(path)  # noqa: PTH112 - see above


def path_exists(path: Path) -> bool:
    """Return whether there is anything at a path that can be seen."""
    return os.path.exists(path)  # noqa: PTH110 - see above


def find(directory: Path, pattern: str) -> Iterator[Path]:
    """Yield what a glob finds below a folder, and nothing of what cannot be looked at or named."""
    from glob import iglob  # few recipes make a check look for files

    names = iglob(pattern, root_dir=directory, include_hidden=True)  # noqa: PTH207 - see above
    return (directory / name for name in names if is_utf8(name))


def is_utf8(name: str) -> bool:
    """Return whether the name of a file is UTF-8; if not, a YAML file cannot hold it."""
    return name.isascii() or not re.search(_HALF, name)


def broken_link(path: Path) -> str | None:
    """Return the target of a broken link; None for all else.

    A checkout without symbolic links (Windows, an unpacked archive) has a small file in place of
    each, which holds the path of its target without an end of line.
    """
    try:
        entry = path.lstat()
        if stat.S_ISLNK(entry.st_mode):
            return None if path.exists() else path.readlink().as_posix()
        if not stat.S_ISREG(entry.st_mode) or entry.st_size > _LONGEST_LINK:
            return None
        text = path.read_text("utf-8")
        is_path = text.isprintable() and text.strip("./")
        leads = text.startswith("../") or (path.parent / text).exists()
    except (OSError, ValueError):
        return None
    return text if is_path and leads else None


def refusal(error: OSError, path: Path) -> str:
    """Return why ``path`` could not be written; of a full disk with the bytes that are free."""
    import shutil  # only here: a check does without it

    reason = error.strerror or str(error)
    if error.errno != errno.ENOSPC:
        return reason
    directory = next(parent for parent in path.absolute().parents if parent.exists())
    free = shutil.disk_usage(directory).free
    return f'{reason} (the disk of "{directory}" has {free} bytes free)'


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file completely or not at all, with the permissions of the file that it replaces.

    Raises:
        OSError: The disk refuses.
    """
    partial = path.with_name(f".{path.name}.partial-{os.getpid()}")
    mode = path.stat().st_mode if path.exists() else None
    try:
        if mode is not None:
            partial.touch(0o600)  # a private file is at no time public
        partial.write_bytes(data)
        if mode is not None:
            partial.chmod(mode)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
