"""Content hashes of files and directories, and signatures that show when to hash again.

A signature is made of sizes and times (modified, changed).  While it is equal, the content counts
as unchanged.  A file changed within the clock tick in which it was hashed would keep its signature;
:func:`wait_for_tick` waits for the next one (the "racy" problem of git's index).
"""

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from operator import attrgetter
from pathlib import Path

Skip = Callable[[str], bool]
"""Says of the path of an entry whether it is left out."""

_File = tuple[str, os.stat_result]

_name_of = attrgetter("name")
_TICK = 0.02
"""Seconds; the kernel stamps files with a clock that ticks every 1 to 10 ms."""


@dataclass(frozen=True, slots=True)
class Signature:
    """What is known without reading content.

    Attributes:
        digest: Of relative names, sizes and times.
        size: Bytes in all files.
        files: Number of files.
        newest: The latest change, in seconds since 1970.
    """

    digest: str
    size: int
    files: int
    newest: float


def read_signature(path: Path, skip: Skip | None = None) -> Signature | None:
    """Return the signature of a file or directory; None when it is missing.

    Entries of a directory for which ``skip`` is true do not belong to it.
    """
    parts = hashlib.sha256()
    size = files = newest = 0
    try:
        for found in _lists_of_files(path, skip):
            lines = []
            for name, status in found:
                modified, changed = status.st_mtime_ns, status.st_ctime_ns
                # as _encode_line does
                lines.append(f"{name}\0{status.st_size} {modified} {changed}\n")
                size += status.st_size
                if modified > newest or changed > newest:
                    newest = max(modified, changed)
            files += len(found)
            parts.update("".join(lines).encode("utf-8", "surrogatepass"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    return Signature(parts.hexdigest(), size, files, newest / 1e9)


def content_hash(path: Path, skip: Skip | None = None) -> str | None:
    """Return the SHA-256 of a file, or of names and contents of a directory; None when missing."""
    try:
        if not path.is_dir():
            return _file_hash(path)
        tree = hashlib.sha256()
        for name, _ in iter_files(path, skip):
            tree.update(_encode_line(name, _file_hash(path / name)))
        return tree.hexdigest()
    except (FileNotFoundError, NotADirectoryError):
        return None


def wait_for_tick(newest: float) -> None:
    """Wait until a file changed from now on must get another time than ``newest``."""
    wait = newest + _TICK - time.time()
    if 0 < wait <= _TICK:
        time.sleep(wait)


def _encode_line(name: str, about: str) -> bytes:
    """Return a line about a file, whose name need not be text."""
    return f"{name}\0{about}\n".encode("utf-8", "surrogatepass")


def iter_files(
    path: Path, skip: Skip | None = None, *, hidden: bool = False
) -> Iterator[tuple[str, os.stat_result]]:
    """Return files with names relative to ``path``, sorted.

    Linked directories count like others, but for a link to a directory around it.

    Args:
        path: A directory, or a file, which comes without a name.
        skip: Which entries are left out.
        hidden: Whether hidden names, which are nobody's output, count as well.
    """
    return chain.from_iterable(_lists_of_files(path, skip, hidden=hidden))


def _lists_of_files(
    path: Path, skip: Skip | None = None, *, hidden: bool = False
) -> Iterator[list[_File]]:
    if not path.is_dir():
        return iter([[("", path.stat())]])
    return _lists_below(str(path), "", skip, (), hidden=hidden)


def _lists_below(
    folder: str,
    prefix: str,
    skip: Skip | None,
    around: tuple[tuple[int, int], ...],
    *,
    hidden: bool,
) -> Iterator[list[_File]]:
    """Yield the files of a directory, their names behind a prefix, with one ``stat`` for each.

    There may be hundreds of thousands: no path object is made for an ordinary file, and they come
    in lists, those before, between and behind the directories.

    Args:
        folder: The directory.
        prefix: Its name relative to where the walk began, with a slash behind it.
        skip: Which entries are left out.
        around: Device and number of the directories around it.
        hidden: Whether hidden names count as well.
    """
    status = os.stat(folder)  # noqa: PTH116
    place = (status.st_dev, status.st_ino)
    if place in around:
        return
    files = []
    for entry in sorted(os.scandir(folder), key=_name_of):
        name = entry.name
        if name == "__pycache__" or (name[0] == "." and not hidden) or (skip and skip(entry.path)):
            continue
        # of a link the target counts, which may be missing; of others the kind came with the name
        kind = Path(entry.path) if entry.is_symlink() else entry
        if kind.is_file():
            files.append((f"{prefix}{name}", entry.stat()))
        elif kind.is_dir():
            yield files
            files = []
            inner = (*around, place)
            yield from _lists_below(entry.path, f"{prefix}{name}/", skip, inner, hidden=hidden)
    yield files


def _file_hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
