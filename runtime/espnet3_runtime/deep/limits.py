"""Keep user code from filling the memory, using the network and writing to stdout."""

import os
import resource
import sys
from collections.abc import Sequence
from typing import Any, TextIO

_LOCAL_FAMILIES = ("AF_UNIX", "AF_NETLINK")


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


class Network:
    """Counts refused connections in ``refused``; :meth:`refuse` begins to refuse them."""

    def __init__(self) -> None:
        self.refused = 0

    def refuse(self) -> "Network":
        """Refuse connections from now on, for as long as the process lives."""
        sys.addaudithook(self._on_audit_event)
        return self

    def _on_audit_event(self, event: str, arguments: Sequence[Any]) -> None:
        if event not in ("socket.connect", "socket.getaddrinfo"):
            return
        if getattr(getattr(arguments[0], "family", None), "name", "") in _LOCAL_FAMILIES:
            return
        self.refused += 1
        raise ConnectionRefusedError("the network is not used while a recipe is checked")
