"""What a run prints never ends it: a closed pipe, a full disk, an encoding without a letter."""

import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from espnet3_runtime.errors import REFUSALS
from espnet3_schemas.exit_codes import MISTAKES

_GONE = (errno.EPIPE, errno.EIO, errno.EBADF)
"""Nobody reads the pipe, the terminal has gone, the descriptor is closed."""


class _Outlet(io.FileIO):
    """Standard output or error; what nobody can read any more is dropped."""

    def write(self, data: Any) -> int | None:  # type: ignore[override]
        """Write, or drop."""
        try:
            return super().write(data)
        except OSError as error:
            if error.errno in REFUSALS:
                _refused.append(error)
            elif error.errno not in _GONE:
                raise
            return len(data)


_refused: list[OSError] = []


def check_streams(code: int) -> int:
    """Return the exit code, that of a mistake where a full disk took only a part of the output."""
    sys.stdout.flush()
    if not _refused:
        return code
    reason = _refused.pop().strerror
    _refused.clear()
    print(f"error: what was printed is incomplete: {reason}", file=sys.stderr)
    return code or MISTAKES


@contextmanager
def forgiving_streams() -> Iterator[None]:
    """Replace standard output and error while the block runs; those of a program stay."""
    before = sys.stdout, sys.stderr
    try:
        open_streams()
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None and not stream.closed:
                stream.flush()
        sys.stdout, sys.stderr = before


def open_streams() -> None:
    """Make standard output and error anew, unless a program has put its own in their place.

    A letter that their encoding lacks becomes a replacement.
    """
    if sys.stdout is None or sys.stdout.closed or sys.stdout is sys.__stdout__:
        sys.stdout = _open_stream(1, sys.__stdout__, "replace")
    if sys.stderr is None or sys.stderr.closed or sys.stderr is sys.__stderr__:
        sys.stderr = _open_stream(2, sys.__stderr__, "backslashreplace")


def _open_stream(number: int, old: Any, errors: str) -> io.TextIOWrapper:
    encoding = "utf-8" if old is None else old.encoding
    if old is not None and not old.closed:
        old.flush()
    try:
        outlet = _Outlet(number, "w", closefd=False)
    except OSError:  # it was closed before the start
        outlet = _Outlet(os.open(os.devnull, os.O_WRONLY), "w")
    buffer = io.BufferedWriter(outlet)
    return io.TextIOWrapper(
        buffer,
        encoding,
        errors,
        line_buffering=number == 2 or outlet.isatty(),  # noqa: PLR2004
    )
