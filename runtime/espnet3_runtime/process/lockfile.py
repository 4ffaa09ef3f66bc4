"""One run per experiment at a time.

The lock is the kernel's (flock), so it ends with its process; the text in the file only says who
holds it.
"""

import errno
import fcntl
import json
import logging
import os
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from espnet3_runtime.errors import UserError


@contextmanager
def hold_lock(
    path: Path, name: str, waiting: Callable[[str], None] | None = None
) -> Iterator[None]:
    """Hold a lock file while the block runs.

    Args:
        path: The lock file; its directory is made when missing.
        name: The locked directory or file, for the message.
        waiting: Called once with a message before waiting.  Without it a held lock is an error.

    Raises:
        UserError: Another process holds it; the message says which, where and since when.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise UserError(f'"{path}" is a link, not the lock file', hint="remove it") from None
        raise
    if not _OPEN:
        os.register_at_fork(after_in_child=_close_all)
    _OPEN.add(descriptor)
    try:
        _acquire_lock(descriptor, path, name, waiting)
        _write_holder(descriptor)
        yield
    finally:
        _OPEN.discard(descriptor)
        with suppress(OSError):  # a file system without locks
            fcntl.flock(descriptor, fcntl.LOCK_UN)  # closing is not enough while a fork has it open
        os.close(descriptor)


def _acquire_lock(
    descriptor: int, path: Path, name: str, waiting: Callable[[str], None] | None
) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        message = f"another run is working on {name}: {_describe_holder(path)}"
        if waiting is None:
            hint = "wait for it, stop it, or set another recipe.exp_tag"
            raise UserError(message, hint=hint) from None
        waiting(f"waiting: {message}")
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        logging.getLogger("espnet3.lock").warning(
            "the file system of %s has no locks (flock): start no other run on it", path.parent
        )


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
    os.pwrite(descriptor, json.dumps(who).encode(), 0)


_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
_OPEN: set[int] = set()


def _close_all() -> None:
    """Keep forked workers (DataLoader, Dask) from holding the lock after their parent has died."""
    while _OPEN:
        os.close(_OPEN.pop())
