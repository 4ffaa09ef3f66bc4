"""Inputs that are directories: a line a file, link, pipe or folder, under any name at all.

A line is ``KIND NAME[ BODY]``.  Names need not be UTF-8.  What is made lies below one directory
whatever the name says; where a link leads is not held back.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_MOST_LINES = 30
_MOST_BYTES = 60_000  # of a file that is one text many times

SPECIAL = (
    *(b"f a\xff.yaml x: 1", b"f \xe9/\xc3.py", b"p a.yaml", b"p src", b"d a.yaml", b"d x.py"),
    *(
        b"l x ..",
        b"l x x",
        b"l a/b /",
        b"l x /dev/zero",
        b"l x /proc/self/fd/0",
        b"l x /etc/passwd",
    ),
    *(b"l x.py y.py", b"f " + b"n" * 300, b"f " + b"d/" * 200 + b"x", b"f a\tb", b"f :", b"f ~"),
)
"""Lines of every kind that any directory may hold."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an input.

    Attributes:
        kind: A letter.
        name: As it is written.
        body: What follows the name.
    """

    kind: str
    name: str
    body: bytes


def lines(data: bytes) -> Iterator[Line]:
    """Yield the lines of an input."""
    for text in data.split(b"\n")[:_MOST_LINES]:
        kind, _, rest = text.partition(b" ")
        name, _, body = rest.partition(b" ")
        yield Line(os.fsdecode(kind[:1]), os.fsdecode(name), body.replace(b"\\n", b"\n"))


def make(root: Path, line: Line, content: bytes | None = None) -> None:
    """Make what a line says below a directory; nothing where no disk can hold that.

    Args:
        root: The directory.
        line: ``l`` a link to its body, ``p`` a pipe, ``d`` a folder, ``b`` a file of its body many
            times over, any other letter a file.
        content: Of a file, in place of the body.
    """
    parts = [part for part in line.name.replace("\0", "").split("/") if part not in ("", ".", "..")]
    if not parts:
        return
    path = root.joinpath(*parts)
    with suppress(OSError, ValueError):
        if not os.path.realpath(path.parent).startswith(str(root)):
            return  # through a link of an earlier line
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove(path)
        if line.kind == "l":
            path.symlink_to(os.fsdecode(line.body))
        elif line.kind == "p":
            os.mkfifo(path)
        elif line.kind == "d":
            path.mkdir()
        elif line.kind == "b":
            path.write_bytes(line.body * (_MOST_BYTES // max(len(line.body), 1)))
        else:
            path.write_bytes(line.body if content is None else content)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
