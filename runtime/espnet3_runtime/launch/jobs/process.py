"""A stage in a process of its own on this machine: the same Python runs ``build/run.py`` again."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from espnet3_runtime.launch.jobs.output import copy_lines


@dataclass
class StageProcess:
    """A running stage.

    It leads a session of its own, so that a Ctrl-C of the terminal reaches the first process alone,
    which passes it on; its standard input is a pipe that ends when that process dies.

    Attributes:
        process: The process.
        readers: Threads that print what it writes.
    """

    process: "subprocess.Popen[bytes]"
    readers: Sequence[threading.Thread]

    def wait(self) -> int:
        """Wait for its end, and for its last line; return the exit code, minus a signal."""
        code = self.process.wait()
        if code < 0:  # its own processes were told nothing
            self.kill()
        for reader in self.readers:
            reader.join(_LAST_LINES_SECONDS)
        return code

    def interrupt(self) -> None:
        """Ask it to save and stop, as SIGTERM does; a second time, to stop at once."""
        with suppress(OSError):
            self.process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it and all that it has started."""
        with suppress(OSError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def describe_end(self, code: int) -> str:
        """Return why it ended without a word."""
        return describe_exit(code)


_SIGNAL_CODE = 128
"""A process that handled signal N ends with 128 + N."""
_LAST_LINES_SECONDS = 5.0
"""A process that a stage left behind may keep the pipe open for ever."""


def describe_exit(code: int) -> str:
    """Return why a process ended that could not say so itself.

    Args:
        code: Its exit code, or minus the signal that ended it.
    """
    if 0 <= code <= _SIGNAL_CODE:
        return f"its process ended with exit code {code}, and without a result"
    number = -code if code < 0 else code - _SIGNAL_CODE
    try:
        name = signal.Signals(number).name
    except ValueError:  # a real-time signal
        name = f"signal {number}"
    if code > 0:
        return f"its process got {name} from elsewhere; run the same command again to go on"
    hint = "; often there is not enough memory for so many stages" if name == "SIGKILL" else ""
    return f"its process was killed by {name}{hint}"


def start_process(
    name: str, command: Sequence[str], environ: Mapping[str, str], directory: str, lock: int | None
) -> StageProcess:
    """Start a stage; its lines are printed as they come, each with its name.

    Args:
        name: The stage's name, padded.
        command: The command.
        environ: Its environment.
        directory: Its working directory.
        lock: The descriptor of the experiment's lock, which it inherits.
    """
    pipes: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    process = subprocess.Popen(
        command,
        env=dict(environ),
        cwd=directory,
        start_new_session=True,
        pass_fds=() if lock is None else (lock,),
        **pipes,
    )
    readers = [
        threading.Thread(target=copy_lines, args=(name, source, stream), daemon=True)
        for source, stream in ((process.stdout, sys.stdout), (process.stderr, sys.stderr))
    ]
    for reader in readers:
        reader.start()
    return StageProcess(process, readers)
