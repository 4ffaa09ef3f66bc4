"""One run per experiment at a time.

The lock is the kernel's (flock), so it ends with its process; the text in the file only says who
holds it.
"""

import errno
import json
import logging
import os
import platform
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from espnet3_runtime.errors import UserError

try:
    import fcntl
except ImportError:  # Windows, some minimal systems
    fcntl = None  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class HeldLock:
    """A lock file that this process holds.

    Attributes:
        path: The file.
        name: What it locks, for messages.
        descriptor: Of the open file; None where this user may not even read it.
        writes: Whether this user may write it.
    """

    path: Path
    name: str
    descriptor: int | None
    writes: bool

    def find_change(self) -> str:
        """Return what became of the file at the path, ``removed`` or ``replaced``, if anything."""
        if self.descriptor is None:
            return ""
        try:
            same = os.path.samestat(os.fstat(self.descriptor), self.path.lstat())
        except OSError:
            return "removed"
        return "" if same else "replaced"

    def check(self, *, may_be_missing: bool = False) -> None:
        """Raise an error where another run can have taken the lock, because its file is gone.

        Args:
            may_be_missing: The stage may have made the directory of the file anew.
        """
        change = self.find_change()
        if change == "replaced" or (change and not may_be_missing):
            raise UserError(
                f'"{self.path}" was {change} during this run: another may work on {self.name}',
                hint="what ran meanwhile is not recorded; run the same command again",
            )


@contextmanager
def hold_lock(
    path: Path, name: str, waiting: Callable[[str], None] | None = None
) -> Iterator[HeldLock]:
    """Hold a lock file while the block runs.

    Args:
        path: The lock file; its directory is made when missing.
        name: The locked directory or file, for the message.
        waiting: Called once with a message before waiting.  Without it a held lock is an error.
            With it, a user who may not write there waits for those who do, and goes on.

    Raises:
        UserError: Another process holds it, and the message says which, where and since when; or
            this user may not write there.
    """
    for _ in range(_TRIES):
        held = _open_lock(path, name, reads=waiting is not None)
        if held.descriptor is None:
            yield held
            return
        if not _OPEN and hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=_close_all)
        _OPEN.add(held.descriptor)
        try:
            _acquire_lock(held.descriptor, held, waiting)
            if held.find_change():
                continue  # somebody removed it before it was locked
            if held.writes:
                _write_holder(held.descriptor)
            yield held
            return
        finally:
            _OPEN.discard(held.descriptor)
            if fcntl is not None:
                with suppress(OSError):  # a file system without locks
                    # closing is not enough while a fork has it open
                    fcntl.flock(held.descriptor, fcntl.LOCK_UN)
            os.close(held.descriptor)
    raise UserError(
        f'"{path}" cannot be locked: it is another file each time',
        hint="another program removes it, or its file system has no fixed inode numbers",
    )


def adopt_lock(path: Path, name: str, descriptor: int | None) -> HeldLock:
    """Return the lock of the process that started this one, which ends with the last of both.

    Args:
        path: The lock file.
        name: What it locks, for messages.
        descriptor: Inherited from that process; None where it runs on another machine.
    """
    if descriptor is not None:
        if not _OPEN and hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=_close_all)
        os.set_inheritable(descriptor, False)
        _OPEN.add(descriptor)
    return HeldLock(path, name, descriptor, writes=True)


def _open_lock(path: Path, name: str, *, reads: bool) -> HeldLock:
    """Open a lock file for writing, or, where that is denied and ``reads``, as far as it goes."""
    no_link = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | no_link, 0o666)
    except OSError as error:
        if not reads or error.errno not in _DENIED:
            raise _explain_refusal(error, path, name) from None
        try:
            return HeldLock(path, name, os.open(path, os.O_RDONLY | no_link), writes=False)
        except OSError:
            return HeldLock(path, name, None, writes=False)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return HeldLock(path, name, descriptor, writes=True)
    os.close(descriptor)
    raise UserError(f'"{path}" is not an ordinary file', hint="remove it")


def _explain_refusal(error: OSError, path: Path, name: str) -> UserError:
    """Return the message for a lock file that cannot be opened."""
    if error.errno == errno.ELOOP:
        return UserError(f'"{path}" is a link, not the lock file', hint="remove it")
    if error.errno in _DENIED:
        return _refuse(_nearest_existing(path), name)
    return UserError(f'{name} cannot be locked: "{error.filename}": {error.strerror}')


def check_writable(directory: Path, name: str) -> None:
    """Raise an error where this user cannot write to a directory or, until it is there, make it."""
    there = _nearest_existing(directory)
    if not os.access(there, os.W_OK | os.X_OK):
        raise _refuse(there, name)


def _refuse(there: Path, name: str) -> UserError:
    why = f"belongs to {_owner(there)}, mode {stat.filemode(there.lstat().st_mode)}"
    if hasattr(os, "statvfs") and os.statvfs(there).f_flag & os.ST_RDONLY:
        why = "is on a read-only file system"
    return UserError(
        f'a run cannot write to {name}: "{there}" {why}',
        hint="choose another recipe.exp_dir or recipe.exp_tag; "
        "--dry_run, --list and --verify only read",
    )


def _nearest_existing(path: Path) -> Path:
    return next(place for place in (path, *path.parents) if os.path.lexists(place))


def _owner(path: Path) -> str:
    try:
        return path.owner()
    except (KeyError, NotImplementedError):  # a user without a name; Windows
        return f"user {path.lstat().st_uid}"


def _acquire_lock(descriptor: int, held: HeldLock, waiting: Callable[[str], None] | None) -> None:
    if fcntl is None:
        _warn_once("this Python has no locks (fcntl): start no other run of this experiment")
        return
    kind = fcntl.LOCK_EX if held.writes else fcntl.LOCK_SH
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        message = f"another run is working on {held.name}: {_describe_holder(held.path)}"
        if waiting is None:
            hint = "wait for it, stop it, or set another recipe.exp_tag"
            raise UserError(message, hint=hint) from None
        waiting(f"waiting: {message}")
        fcntl.flock(descriptor, kind)
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        _warn_once(
            f"the file system of {held.path.parent} has no locks (flock): start no other run on it"
        )


@cache
def _warn_once(message: str) -> None:
    logging.getLogger("espnet3.lock").warning("%s", message)


def _describe_holder(path: Path) -> str:
    """Return who holds a lock, from the text of its file."""
    try:
        who = json.loads(path.read_text(encoding="utf-8"))
        return f"process {who['pid']} on {who['host']} since {who['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "an unknown process"


def _write_holder(descriptor: int) -> None:
    since = time.strftime("%Y-%m-%d %H:%M:%S")
    who = {"pid": os.getpid(), "host": platform.node(), "since": since}
    os.ftruncate(descriptor, 0)
    with suppress(OSError):  # a full disk; it is only for messages
        os.write(descriptor, json.dumps(who).encode())


_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
_DENIED = (errno.EACCES, errno.EPERM, errno.EROFS)
_TRIES = 100
_OPEN: set[int] = set()


def _close_all() -> None:
    """Keep forked workers (DataLoader, Dask) from holding the lock after their parent has died."""
    while _OPEN:
        os.close(_OPEN.pop())
