"""What a stream of text takes: colours, and how many columns it is wide."""

import os
from typing import TextIO


def takes_colour(stream: TextIO) -> bool:
    """Return whether text on a stream may have ANSI colours.

    ``NO_COLOR`` forbids them and ``FORCE_COLOR`` asks for them, each where it is not empty
    (https://no-color.org, https://force-color.org); otherwise a terminal that is not ``dumb`` has
    them.
    """
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return moves_cursor(stream)


def moves_cursor(stream: TextIO) -> bool:
    """Return whether a stream is a terminal that can draw a line again, and is not ``dumb``."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def terminal_columns(stream: TextIO) -> int | None:
    """Return how wide the terminal is: ``COLUMNS``, or what it says itself; None for a file."""
    given = os.environ.get("COLUMNS", "")
    if given.isdecimal() and int(given):
        return int(given)
    if not stream.isatty():
        return None
    try:  # a pseudo-terminal that nobody has sized says 0
        return os.get_terminal_size(stream.fileno()).columns or None
    except (OSError, ValueError):
        return None
