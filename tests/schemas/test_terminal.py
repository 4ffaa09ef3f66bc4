"""Colours and columns of a stream."""

import io
import os
import pty
from collections.abc import Iterator
from typing import TextIO

import pytest

from espnet3_schemas.terminal import takes_colour, terminal_columns


@pytest.fixture
def terminal() -> Iterator[TextIO]:
    main, other = pty.openpty()
    with os.fdopen(main, "rb"), os.fdopen(other, "w") as stream:
        yield stream


@pytest.mark.parametrize(
    ("variables", "on_terminal", "in_file"),
    [
        ({}, True, False),
        ({"NO_COLOR": ""}, True, False),
        ({"NO_COLOR": "1"}, False, False),
        ({"FORCE_COLOR": ""}, True, False),
        ({"FORCE_COLOR": "1"}, True, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False, False),
        ({"TERM": "dumb"}, False, False),
        ({"TERM": "dumb", "FORCE_COLOR": "1"}, True, True),
    ],
)
def test_colours(variables, on_terminal, in_file, terminal, monkeypatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert takes_colour(terminal) is on_terminal
    assert takes_colour(io.StringIO()) is in_file


def test_columns(terminal, monkeypatch) -> None:
    import fcntl
    import struct
    import termios

    monkeypatch.delenv("COLUMNS", raising=False)
    assert terminal_columns(terminal) is None  # nobody has sized it
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 72, 0, 0))
    assert terminal_columns(terminal) == 72
    assert terminal_columns(io.StringIO()) is None
    monkeypatch.setenv("COLUMNS", "50")
    assert terminal_columns(terminal) == terminal_columns(io.StringIO()) == 50
