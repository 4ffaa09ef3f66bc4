"""Commands that may not write: on a read-only mount, or as somebody else."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

MOUNT = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" "$0" && cd "$0" && exec "$@"'
NO_PRIVILEGES = ("setpriv", "--bounding-set=-all", "--inh-caps=-all")
SOMEBODY = 65534


def run_mounted_read_only(directory: Path, *command: str) -> "subprocess.CompletedProcess[str]":
    """Run a command in a directory on a read-only mount; a closed one where none is allowed."""
    if _can_mount():
        return _run("unshare", "-rm", "sh", "-c", MOUNT, str(directory), *command)
    return run_as_stranger(directory, *command)


def run_as_stranger(directory: Path, *command: str) -> "subprocess.CompletedProcess[str]":
    """Run a command in a directory whose files belong to somebody else, with their modes.

    Only root can give files away; for others they lose their modes of writing, which is the same.
    """
    if os.geteuid() == 0:
        with _given_away(directory):
            return _run(*NO_PRIVILEGES, *command, cwd=directory)
    with _closed(directory):
        return _run(*command, cwd=directory)


@cache
def _can_mount() -> bool:
    return _run("unshare", "-rm", "true").returncode == 0


@contextmanager
def _given_away(directory: Path) -> Iterator[None]:
    everything = [directory, *directory.rglob("*")]
    for path in everything:
        os.chown(path, SOMEBODY, SOMEBODY, follow_symlinks=False)
    try:
        yield
    finally:
        for path in (directory, *directory.rglob("*")):
            os.chown(path, 0, 0, follow_symlinks=False)


@contextmanager
def _closed(directory: Path) -> Iterator[None]:
    modes = {
        path: path.stat().st_mode
        for path in (directory, *directory.rglob("*"))
        if not path.is_symlink()
    }
    for path, mode in modes.items():
        if not mode & 0o002:  # what anybody may write, a stranger may
            path.chmod(mode & 0o555)
    try:
        yield
    finally:
        for path, mode in modes.items():
            if path.exists():
                path.chmod(mode)


def _run(*command: str, cwd: Path | None = None) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
