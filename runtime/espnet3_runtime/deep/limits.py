"""What user code may not do while it is probed: fill the memory, use the network, write stdout."""

import os
import sys
from collections.abc import Sequence
from typing import Any, TextIO

LOCAL_FAMILIES = ("AF_UNIX", "AF_NETLINK")


def own_stdout() -> TextIO:
    """Take stdout for the answers: whatever else is printed goes to stderr.

    The file descriptor itself is moved, so that C libraries and child processes are covered.
    """
    sys.stdout.flush()
    mine = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return mine


def limit_memory(size: int) -> None:
    """Limit the memory of this process to so many bytes, where the system can (0: no limit)."""
    try:
        import resource
    except ImportError:  # Windows
        return
    # On Linux data, as opposed to address space: libraries reserve far more than they ever use.
    what = resource.RLIMIT_DATA if sys.platform == "linux" else resource.RLIMIT_AS
    try:
        _, hard = resource.getrlimit(what)
        if size and (hard == resource.RLIM_INFINITY or size < hard):
            resource.setrlimit(what, (size, hard))
    except (OSError, ValueError):
        return


class NetworkRefusedError(OSError):
    """User code wanted to use the network."""


class Network:
    """Knows how many connections were refused; :meth:`refuse` begins to refuse them.

    Attributes:
        refused: How many connections were refused so far.
    """

    def __init__(self) -> None:
        self.refused = 0

    def refuse(self) -> "Network":
        """Refuse connections from now on, for as long as the process lives."""
        sys.addaudithook(self._on_audit_event)
        return self

    def _on_audit_event(self, event: str, arguments: Sequence[Any]) -> None:
        if event not in ("socket.connect", "socket.getaddrinfo"):
            return
        family = getattr(arguments[0], "family", None)
        if getattr(family, "name", "") in LOCAL_FAMILIES:
            return
        self.refused += 1
        raise NetworkRefusedError("the network is not used while a recipe is checked")
