"""Files and directories that appear complete or not at all.

Everything is written under a temporary name in the same directory, flushed to the disk, and
renamed. A killed process leaves at most a temporary name (``.<name>.tmp-…``), which
:func:`remove_leftovers` clears when the stage runs again.
"""

import ctypes
import errno
import json
import os
import shutil
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from espnet3_runtime.errors import Stopped, UserError, find_refusal

_MARK = ".tmp-"
_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
_HARDLY = 1 << 14  # bytes


def temporary(path: Path) -> Path:
    """Return a new temporary name beside ``path``, on the same file system."""
    return path.with_name(f".{path.name}{_MARK}{os.getpid()}-{uuid.uuid4().hex[:8]}")


def is_temporary(name: str) -> bool:
    """Say whether a file name is one of :func:`temporary`."""
    return name.startswith(".") and _MARK in name


@contextmanager
def atomic_file(path: Path, mode: str = "w") -> Iterator[IO[Any]]:
    """Open a file for writing that replaces ``path`` when the block ends without an exception.

    Args:
        path: The final name; its directory is made when missing.
        mode: ``w`` for UTF-8 text with Unix line breaks, ``wb`` for bytes.
    """
    text = {} if "b" in mode else {"encoding": "utf-8", "newline": "\n"}
    with (
        _replacing(path, temporary(path)) as part,
        part.open(mode, **text) as file,  # type: ignore[call-overload]
    ):
        yield file


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file."""
    with atomic_file(path) as file:
        file.write(text)


def write_bytes(path: Path, data: bytes) -> None:
    """Write a binary file."""
    with atomic_file(path, "wb") as file:
        file.write(data)


def write_json(path: Path, value: Any) -> None:
    """Write JSON with sorted keys and a final line break."""
    text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False)
    if not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text):
        text = json.dumps(value, indent=2, sort_keys=True)  # half a surrogate pair is no UTF-8
    write_text(path, text + "\n")


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary name for libraries that write a file themselves; rename it at the end.

    The name keeps the suffix of ``path``, because some libraries choose a format by it.
    """
    part = temporary(path)
    with _replacing(path, part.with_name(part.name + path.suffix)) as part:
        yield part


@contextmanager
def _replacing(path: Path, part: Path) -> Iterator[Path]:
    """Yield the name ``part`` and rename it to ``path``; remove it after an exception."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with removed_after_error(part, path):
        yield part
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(path)
    sync_directory(path.parent)


@contextmanager
def removed_after_error(part: Path, path: Path) -> Iterator[None]:
    """Remove what was written as ``part``; the error of a full disk names ``path``.

    Libraries raise it without a name, with that of a file they copied, or as an error of their own
    without the reason; once the part is removed, the disk has room again.
    """
    try:
        yield
    except BaseException as error:
        refusal = None
        if isinstance(error, Exception) and not isinstance(error, UserError | Stopped):
            refusal = find_refusal(error)
            if refusal is None and isinstance(error, RuntimeError) and is_full(path):
                refusal = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        shutil.rmtree(part, ignore_errors=True)
        with suppress(OSError):  # there is none, or it was a directory
            part.unlink()
        if refusal is not None:
            raise OSError(refusal.errno, refusal.strerror, str(path)) from error
        raise


@contextmanager
def atomic_directory(path: Path) -> Iterator[Path]:
    """Yield an empty temporary directory that takes the place of ``path`` at the end.

    On Linux the two are exchanged in one step, so that a kill or an error loses neither; elsewhere
    ``path`` does not exist for a moment, and never holds a part of the files.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = temporary(path)
    with removed_after_error(part, path):
        part.mkdir()
        yield part
        replace_directory(part, path)
    shutil.rmtree(part, ignore_errors=True)
    sync_directory(path.parent)


def replace_directory(part: Path, path: Path) -> None:
    """Flush a directory to the disk and give it the name ``path``.

    Where that name was taken and can be exchanged in one step, ``part`` is what had it.
    """
    _sync_tree(part)
    if not path.exists():
        part.rename(path)
    elif not _exchange(part, path):
        old = temporary(path)
        path.rename(old)
        part.rename(path)
        shutil.rmtree(old, ignore_errors=True)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two names in one step (renameat2 of Linux); False where that does not exist."""
    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError):
        return False
    done = renameat2(
        _AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), ctypes.c_uint(_RENAME_EXCHANGE)
    )
    if done == 0:
        return True
    code = ctypes.get_errno()
    if code in (errno.EINVAL, errno.ENOSYS):
        return False
    raise OSError(code, os.strerror(code), str(other))


def free_bytes(path: Path) -> int:
    """Return how much may be written below a path; 0 where no file can be added."""
    while not path.exists():
        path = path.parent
    room = os.statvfs(path)
    if room.f_flag & os.ST_RDONLY or not room.f_blocks:  # nobody writes there, or it does not tell
        return sys.maxsize
    return 0 if room.f_files and not room.f_favail else room.f_bavail * room.f_frsize


def is_full(path: Path) -> bool:
    """Say whether hardly a block is free below a path."""
    return free_bytes(path) < _HARDLY


def remove_leftovers(directory: Path, *, deep: bool = True) -> None:
    """Remove temporary names that a killed process left in ``directory``, and below if ``deep``."""
    for root, directories, files in os.walk(directory):
        for name in [name for name in directories if is_temporary(name)]:
            shutil.rmtree(Path(root, name), ignore_errors=True)
            directories.remove(name)
        for name in files:
            if is_temporary(name):
                Path(root, name).unlink(missing_ok=True)
        if not deep:
            break


def sync_directory(directory: Path) -> None:
    """Make renames in a directory survive a power cut, where the file system can."""
    try:
        descriptor = os.open(directory, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(descriptor)
    except OSError:
        pass
    finally:
        os.close(descriptor)


def _sync_tree(directory: Path) -> None:
    for root, _, files in os.walk(directory):
        for name in files:
            with Path(root, name).open("rb") as file:
                os.fsync(file.fileno())
        sync_directory(Path(root))
