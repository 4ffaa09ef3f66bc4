"""Keep user code from filling the memory and writing to stdout."""

import os
import resource
import sys
from typing import TextIO


def redirect_stdout() -> TextIO:
    """Take stdout for the answers: whatever else is printed goes to stderr.

    The file descriptor itself is moved, so that C libraries and child processes are covered.
    """
    sys.stdout.flush()
    mine = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return mine


def limit_memory(size: int) -> None:
    """Limit the memory of this process to so many bytes, where the system can (0: no limit)."""
    # On Linux data, as opposed to address space: libraries reserve far more than they ever use.
    kind = resource.RLIMIT_DATA if sys.platform == "linux" else resource.RLIMIT_AS
    try:
        _, hard = resource.getrlimit(kind)
        if size and (hard == resource.RLIM_INFINITY or size < hard):
            resource.setrlimit(kind, (size, hard))
    except (OSError, ValueError):
        return
