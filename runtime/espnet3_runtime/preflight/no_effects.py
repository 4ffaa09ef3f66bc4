"""Keep user code from using the network, and from changing files."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

_LOCAL_FAMILIES = ("AF_UNIX", "AF_NETLINK")


class Network:
    """Counts refused connections in ``refused``; :meth:`refuse` begins to refuse them."""

    need = "it needs the network"

    def __init__(self) -> None:
        self.refused = 0

    def refuse(self) -> Self:
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


class NoEffects(Network):
    """Refuses changes of files too, and other programs.

    Args:
        folder: The directory in which files may be changed.
    """

    need = "it needs the network, to change files, or another program"

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._free = (os.path.join(os.path.realpath(folder), ""), "/dev/", "/proc/")  # noqa: PTH118

    def _on_audit_event(self, event: str, arguments: Sequence[Any]) -> None:
        super()._on_audit_event(event, arguments)
        changed = _changed_paths(event, arguments)
        if all(self._is_free(path) for path in changed):
            return
        self.refused += 1
        raise PermissionError("nothing is written while a recipe is checked")

    def _is_free(self, path: Any) -> bool:
        if isinstance(path, int):  # a descriptor that is open already
            return True
        full = os.path.realpath(os.path.dirname(os.path.abspath(os.fsdecode(path))))  # noqa: PTH100, PTH120
        return os.path.join(full, "").startswith(self._free)  # noqa: PTH118


def _changed_paths(event: str, arguments: Sequence[Any]) -> Sequence[Any]:
    """Return the paths that an audited call changes; of another program, nobody knows."""
    if event == "open":
        path, _, flags = arguments
        return (path,) if flags & _WRITES else ()
    if event in _PROGRAMS:
        return ("/",)
    return arguments[: _CHANGES.get(event, 0)]


_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_PROGRAMS = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.startfile")
_CHANGES = {
    **dict.fromkeys(("os.mkdir", "os.remove", "os.rmdir", "os.truncate", "os.chmod"), 1),
    **dict.fromkeys(("os.chown", "os.utime", "os.setxattr"), 1),
    **dict.fromkeys(("os.rename", "os.link", "os.symlink"), 2),
}
"""How many arguments of an audited call are paths that it changes."""
