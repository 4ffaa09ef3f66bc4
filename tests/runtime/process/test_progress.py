"""Lines of progress on a clock that the test moves."""

import io
import time
from types import SimpleNamespace

import pytest

from espnet3_runtime.process.progress import Bars, Lines, format_duration, format_size


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0 s"),
        (9.94, "9.9 s"),
        (10, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 m 00 s"),
        (65, "1 m 05 s"),
        (3599.4, "59 m 59 s"),
        (3599.6, "1 h 00 m"),
        (7865, "2 h 11 m"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (999_900, "999.9 kB"),
        (1_000_000, "1.0 MB"),
        (999e6, "999.0 MB"),
        (1e9, "1.0 GB"),
        (5e12, "5000.0 GB"),
    ],
)
def test_sizes(count: float, text: str) -> None:
    assert format_size(count) == text


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    now = SimpleNamespace(seconds=100.0)
    monkeypatch.setattr(time, "monotonic", lambda: now.seconds)
    return now


@pytest.mark.parametrize(
    ("total", "steps", "lines"),
    [
        (100, [(3, 9), (3, 1)], ["x: 10/100 (10%), 1.7/s, 54 s left"]),
        (100, [(2.9, 50)], []),
        (100, [(29, 9), (1, 0)], ["x: 9/100 (9%), 3.3 s each, 5 m 03 s left"]),
        (
            100,
            [(3, 10), (2.9, 10), (0.1, 0)],
            ["x: 10/100 (10%), 3.3/s, 27 s left", "x: 20/100 (20%), 3.3/s, 24 s left"],
        ),
        (None, [(29.9, 50), (0.1, 10)], ["x: 60, 2.0/s, 30 s"]),
        (4, [(4, 4)], ["x: 4/4 (100%), 1.0/s, 4.0 s"]),
        (4, [(30, 0)], ["x: 0/4 (0%), 0.0/s, 30 s"]),
    ],
)
def test_lines_come_now_and_then(
    clock: SimpleNamespace, total: int | None, steps: list[tuple[float, int]], lines: list[str]
) -> None:
    written: list[str] = []
    bar = Lines(written.append, "x", total)
    for seconds, count in steps:
        clock.seconds += seconds
        bar.advance(count)
    assert written == lines


def test_the_last_line(clock: SimpleNamespace) -> None:
    written: list[str] = []
    bar = Lines(written.append, "x", 4, count=2)
    bar.note("fine")
    clock.seconds += 2
    bar.advance()
    assert written == []
    bar.close()
    bar.close()
    assert written == ["x: 3/4 (75%), 2.0 s each, 2.0 s left, fine"]
    nothing = Lines(written.append, "y", None)
    nothing.close()
    assert written[1:] == ["y: 0, 0.0/s, 0.0 s"]


def test_bars_print_lines_where_there_is_no_terminal(clock: SimpleNamespace) -> None:
    stream = io.StringIO()
    with Bars(stream)("reading") as bar:
        clock.seconds += 4
        bar.advance()
        bar.advance(2)
    assert stream.getvalue() == "  reading: 3, 1.3 s each, 4.0 s\n"
    with Bars(stream, quiet=True)("reading", 2) as bar:
        bar.advance(2)
    assert stream.getvalue().count("\n") == 1
