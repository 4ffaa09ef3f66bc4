"""What stages print that run side by side: whole lines, each with the name of its stage."""

import io
import threading
from collections import deque
from pathlib import Path
from typing import IO, TextIO

_one_at_a_time = threading.Lock()


def print_named(name: str, line: str, stream: TextIO) -> None:
    """Print one line of a stage.

    Args:
        name: The stage's name, padded.
        line: What it printed; of what a bar wrote over itself only the last is kept.
        stream: Where to.
    """
    last = line.rstrip("\r\n").rpartition("\r")[2]
    whole = f"{name} | {last}".rstrip() + "\n"
    with _one_at_a_time:
        print(whole, end="", file=stream, flush=True)


def copy_lines(name: str, source: IO[bytes], stream: TextIO) -> None:
    """Print all lines of a pipe until it is closed.

    Args:
        name: The stage's name, padded.
        source: The end of the pipe that is read.
        stream: Where to.
    """
    with io.TextIOWrapper(source, "utf-8", errors="replace", newline="\n") as text:
        for line in text:
            print_named(name, line, stream)


def last_lines(path: Path, count: int) -> list[str]:
    """Return the last lines of a file; none where it cannot be read."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return [line.rstrip("\n") for line in deque(file, count)]
    except OSError:
        return []
