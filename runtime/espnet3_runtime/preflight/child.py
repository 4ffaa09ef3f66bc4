"""Run something in a fork of this process: what it imports and changes ends with it."""

import json
import os
import signal
import sys
import tempfile
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

_PATIENCE_SECONDS = 120
"""A child that takes longer ends itself, also when nobody waits for it: the stages will tell."""


def run_in_child(work: Callable[[TextIO], None], folder: Path) -> list[Any]:
    """Call a function in a child process with a file, and return the JSON of the file's lines.

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
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        _wait_for(pid)
        raise
    answers = []
    for line in path.read_text(encoding="utf-8").splitlines():
        with suppress(ValueError):  # cut off
            answers.append(json.loads(line))
    return answers


def _wait_for(pid: int) -> None:
    with suppress(ChildProcessError):  # it has ended, where the system leaves no trace of children
        os.waitpid(pid, 0)


def _be_child(work: Callable[[TextIO], None], path: Path) -> None:
    """Do the work in silence, and end without any of the parent's cleaning up."""
    leave = os._exit
    try:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(_PATIENCE_SECONDS)
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
