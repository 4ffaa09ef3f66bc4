"""Death at a chosen operation on the file system, without a line of product code knowing of it.

Python's audit hooks tell of every open, rename, removal and so on before it happens; ``fsync`` and
the end of a file, which they do not tell of, are wrapped.  A tripwire counts those below one
directory and kills the process at a chosen one.
"""

import json
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_PATHS = {
    "open": (0,),
    "os.rename": (0, 1),
    "os.remove": (0,),
    "os.mkdir": (0,),
    "os.rmdir": (0,),
    "os.link": (1,),
    "os.symlink": (1,),
    "os.truncate": (0,),
    "os.utime": (0,),
    "os.chmod": (0,),
    "ctypes.dlsym": (),
}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


@dataclass
class Tripwire:
    """Counts operations below a directory.

    Attributes:
        root: The directory.
        at: Die at this operation, from 1; None only counts.
        stage: Count only from the moment on when this stage's receipt is written.
        counts: Says which operations count; all without it.
        death: What happens at the chosen one.
        events: What was counted, while only counting.
    """

    root: Path
    at: int | None = None
    stage: str | None = None
    counts: Callable[[str], bool] = lambda _event: True
    death: Callable[[], None] = lambda: os.kill(os.getpid(), signal.SIGKILL)
    events: list[str] = field(default_factory=list)
    _count: int = 0
    _armed: bool = False
    _owner: int = 0

    def install(self) -> None:
        """Begin; it lasts as long as the process."""
        self._armed, self._owner = self.stage is None, os.getpid()
        fsync: Callable[[Any], None] = os.fsync

        def counted(descriptor: Any) -> None:
            self._hit("before fsync")
            fsync(descriptor)
            self._hit("after fsync")

        os.fsync = counted
        sys.addaudithook(self._audit)

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        places = _PATHS.get(event)
        if places is None:
            return
        if event == "open" and not _writes(arguments):
            return
        if event == "ctypes.dlsym":
            if arguments[-1] == "renameat2":
                self._hit(f"{event} renameat2")
            return
        paths = [_text(arguments[place]) for place in places]
        if any(path.startswith(str(self.root)) or not path.startswith("/") for path in paths):
            self._hit(f"{event} {paths[-1].removeprefix(str(self.root))}")
            self._arm(event, paths)

    def _arm(self, event: str, paths: list[str]) -> None:
        if event == "os.rename" and paths[-1].endswith(f"/stages/{self.stage}.json"):
            self._armed = True

    def _hit(self, what: str) -> None:
        if not self._armed or os.getpid() != self._owner or not self.counts(what):
            return
        self._count += 1
        if self.at is None:
            self.events.append(what)
        elif self._count == self.at:
            self.death()

    def save(self, path: Path) -> None:
        """Write what was counted."""
        path.write_text(json.dumps(self.events))


def _writes(arguments: tuple[Any, ...]) -> bool:
    _, mode, flags = arguments
    if isinstance(mode, str):
        return any(letter in mode for letter in "wax+")
    return isinstance(flags, int) and bool(flags & _WRITING)


def _text(path: Any) -> str:
    return os.fsdecode(path) if isinstance(path, (str, bytes, os.PathLike)) else str(path)
