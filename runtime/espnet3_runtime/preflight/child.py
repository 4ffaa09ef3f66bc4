"""Run something in a fork of this process: what it imports and changes ends with it."""

import json
import os
import signal
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

_PATIENCE_SECONDS = 120.0
"""A child that takes longer is ended: the stages will tell."""
_POLL_SECONDS = 0.002
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)


def run_in_child(work: Callable[[TextIO], None], folder: Path) -> Iterator[Any]:
    """Call a function in a child process with a file, and yield the JSON of the lines of that file.

    A child that crashes or hangs says nothing more; what it wrote before counts.

    Args:
        work: Gets the file to write to.
        folder: An empty directory, the only one for temporary files.
    """
    path = folder / "answers.jsonl"
    path.touch()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # threads of numpy are no matter
        pid = os.fork()
    if pid == 0:
        _be_child(work, path)
    try:
        _wait_for(pid)
    except BaseException:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        raise
    for line in path.read_text(encoding="utf-8").splitlines():
        with suppress(ValueError):  # cut off
            yield json.loads(line)


def _wait_for(pid: int) -> None:
    end = time.monotonic() + _PATIENCE_SECONDS
    while os.waitpid(pid, os.WNOHANG) == (0, 0):
        if time.monotonic() > end:
            os.kill(pid, signal.SIGKILL)
        time.sleep(_POLL_SECONDS)


def _be_child(work: Callable[[TextIO], None], path: Path) -> None:
    """Do the work in silence, and end without any of the parent's cleaning up."""
    leave = os._exit
    try:
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in range(3):
            os.dup2(null, descriptor)
        sys.stdin, sys.stdout, sys.stderr = (os.fdopen(n, mode) for n, mode in enumerate("rww"))
        sys.dont_write_bytecode = True
        tempfile.tempdir = os.environ["TMPDIR"] = str(path.parent)
        with path.open("w", encoding="utf-8") as file:
            work(file)
    finally:
        leave(0)
