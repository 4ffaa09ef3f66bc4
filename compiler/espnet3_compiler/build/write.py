"""Write a build directory completely or not at all.

The new directory is made beside the old one and replaces it by renaming, so that ``build/`` is
always either the old or the new one.  A compile that was killed leaves at most hidden directories
beside it, which the next compile removes.
"""

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from espnet3_compiler.build.lock import CODE, call_file
from espnet3_compiler.filesystem import read_error
from espnet3_schemas import LOCK

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
CACHES = ("__pycache__", ".mypy_cache", ".ruff_cache")


class ForeignFiles(Exception):  # noqa: N818 - no fault of the compiler
    """The directory holds files that espnet3-compile did not write."""


class BuildChanges(Struct, frozen=True):
    """What writing does to a build.

    Attributes:
        changed: Files that are changed or added.
        removed: Files that are removed.
        locked: Whether another compile was kept out meanwhile.
    """

    changed: tuple[str, ...]
    removed: tuple[str, ...]
    locked: bool = True


def write_build(build: Path, files: Mapping[str, str]) -> BuildChanges:
    """Make a directory hold exactly these files.

    Args:
        build: The directory; it may be absent, empty, or an earlier build.
        files: Relative path to text.

    Raises:
        ForeignFiles: The directory holds other things than an earlier build.
        OSError: The disk refuses.
    """
    build.parent.mkdir(parents=True, exist_ok=True)
    with _exclusive_lock(build.parent) as locked:
        clean_leftovers(build)
        old = _read_old(build)
        changes = _compare_files(old, files)
        if changes.changed or changes.removed or not build.exists():
            _replace_build(build, files, old)
        return replace(changes, locked=locked)


def clean_leftovers(build: Path) -> None:
    """Undo what a compile that was killed left beside a build."""
    new, aside = _temporary_paths(build)
    if aside.exists() and not build.exists():
        aside.rename(build)
    for leftover in (new, aside):
        if leftover.exists():
            shutil.rmtree(leftover)


def _compare_files(old: Mapping[str, bytes], files: Mapping[str, str]) -> BuildChanges:
    changed = tuple(name for name, text in files.items() if old.get(name) != text.encode())
    return BuildChanges(changed, tuple(sorted(set(old) - set(files))))


def _replace_build(build: Path, files: Mapping[str, str], old: Mapping[str, bytes]) -> None:
    new, aside = _temporary_paths(build)
    try:
        for name, text in files.items():
            target = new / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if old.get(name) == text.encode():
                shutil.copy2(build / name, target)
            else:
                target.write_bytes(text.encode())
    except OSError:  # a full disk
        shutil.rmtree(new, ignore_errors=True)
        raise
    if not build.exists():
        new.rename(build)
    elif _exchange_names(new, build):
        shutil.rmtree(new)
    else:
        build.rename(aside)
        new.rename(build)
        shutil.rmtree(aside)


def _exchange_names(one: Path, other: Path) -> bool:
    """Exchange two names in one step, so that a build is there all the time; False if impossible.

    Source: ``renameat2`` of Linux 3.15 with ``RENAME_EXCHANGE``.
    """
    import ctypes

    try:
        renameat2 = ctypes.CDLL(None).renameat2
    except (AttributeError, OSError):
        return False
    names = (_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other))
    return bool(renameat2(*names, ctypes.c_uint(_RENAME_EXCHANGE)) == 0)


def _temporary_paths(build: Path) -> tuple[Path, Path]:
    prefix = f".{build.name}.espnet3-compile"
    return build.with_name(f"{prefix}-new"), build.with_name(f"{prefix}-old")


def _read_old(build: Path) -> dict[str, bytes]:
    if not build.exists() and not build.is_symlink():
        return {}
    if build.is_symlink() or not build.is_dir():
        raise ForeignFiles(f"{build} is not a directory")
    found = sorted(_list_files(build))
    if not found:
        return {}
    ours = None if read_error(build / LOCK, build) else _names_in_lock(build / LOCK)
    if ours is None:
        raise ForeignFiles(f"{build} is no build of espnet3-compile: it has no {LOCK}")
    others = [name for name in found if name not in ours or read_error(build / name, build)]
    if others:
        names = ", ".join([*others[:3], *(["…"] if others[3:] else [])])
        raise ForeignFiles(f"{build} holds files that espnet3-compile did not write: {names}")
    return {name: (build / name).read_bytes() for name in found}


def _list_files(build: Path) -> Iterator[str]:
    for directory, folders, names in os.walk(build):
        folders[:] = [name for name in folders if name not in CACHES]
        for name in names:
            yield (Path(directory) / name).relative_to(build).as_posix()


def _names_in_lock(lock: Path) -> set[str] | None:
    """Return the files of the build that a lock describes; None where it is no lock."""
    try:
        value = json.loads(lock.read_text(encoding="utf-8"))
        data = [value["configs"], value["models"]]
        names = {entry["file"] for table in data for entry in table.values()}
        calls = {call_file(stage["name"]) for stage in value["stages"] if stage["call"]}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return names | calls | {LOCK, *CODE}


@contextmanager
def _exclusive_lock(directory: Path) -> Iterator[bool]:
    """Keep other compiles out of a directory; yield whether that is possible."""
    try:
        import fcntl
    except ImportError:  # Windows, some minimal systems
        yield False
        return
    handle = os.open(directory, os.O_RDONLY)
    try:
        locked = False
        with suppress(OSError):  # some network file systems have no locks
            fcntl.flock(handle, fcntl.LOCK_EX)
            locked = True
        yield locked
    finally:
        os.close(handle)
