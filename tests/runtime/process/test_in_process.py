"""Signals, undone changes and streams, in this process alone."""

import io
import os
import random
import signal
import sys
import threading
import time
import warnings
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest

from espnet3_runtime.errors import UserError
from espnet3_runtime.process import streams
from espnet3_runtime.process.interrupts import (
    Interrupts,
    Terminated,
    exit_code_of,
    hide_destructor_errors,
)
from espnet3_runtime.process.isolation import isolated

# Signals.


def strike(number: int = signal.SIGTERM) -> None:
    os.kill(os.getpid(), number)
    time.sleep(0)  # the handler runs here at the latest


def test_exit_codes_name_the_signal() -> None:
    assert exit_code_of(KeyboardInterrupt()) == 130
    assert exit_code_of(Terminated()) == 143
    assert exit_code_of(Terminated(signal.SIGHUP)) == 129
    assert Interrupts().exit_code == 143


@pytest.mark.parametrize(
    ("number", "kind", "code"),
    [
        (signal.SIGTERM, Terminated, 143),
        (signal.SIGINT, KeyboardInterrupt, 130),
        (signal.SIGHUP, Terminated, 129),
        (signal.SIGUSR1, Terminated, 138),
    ],
)
def test_a_signal_stops_at_once_or_is_a_request(
    monkeypatch: pytest.MonkeyPatch, number: int, kind: type[BaseException], code: int
) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "1")
    told: list[str] = []
    interrupts = Interrupts(told.append)
    with interrupts.installed():
        with interrupts.gracefully():
            assert (interrupts.requested(), interrupts.received_signal) == (False, None)
            strike(number)
            assert told == ["stopping as soon as the state is saved; once more to stop at once"]
            assert (interrupts.requested(), interrupts.received_signal) == (True, number)
            with pytest.raises(kind) as again:
                strike(number)
            assert type(again.value) is kind
        other = signal.SIGINT if number == signal.SIGTERM else signal.SIGTERM
        with pytest.raises(KeyboardInterrupt) as last:
            strike(other)
        assert exit_code_of(last.value) == 128 + other
        assert interrupts.received_signal == number
        interrupts.ignore_signals()
        strike(number)
    assert interrupts.exit_code == code
    assert len(told) == 1


def test_outside_a_promise_the_first_signal_raises() -> None:
    interrupts = Interrupts()
    with interrupts.installed():
        with interrupts.gracefully(), interrupts.gracefully():
            pass
        with pytest.raises(Terminated):
            strike()
    assert interrupts.requested()


@pytest.mark.parametrize(
    ("job", "hangup", "listened"),
    [
        (False, signal.SIG_DFL, [True, True, True, False]),
        (True, signal.SIG_DFL, [True, True, True, True]),
        (False, signal.SIG_IGN, [True, True, False, False]),
    ],
)
def test_which_signals_are_listened_to(
    monkeypatch: pytest.MonkeyPatch, job: bool, hangup: int, listened: list[bool]
) -> None:
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    if job:
        monkeypatch.setenv("SLURM_JOB_ID", "1")
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)
    hung = signal.signal(signal.SIGHUP, hangup)
    try:
        before = [signal.getsignal(number) for number in numbers]
        with Interrupts().installed():
            inside = [signal.getsignal(number) for number in numbers]
        assert [new is not old for new, old in zip(inside, before, strict=True)] == listened
        assert [signal.getsignal(number) for number in numbers] == before
    finally:
        signal.signal(signal.SIGHUP, hung)


def test_a_thread_listens_to_nothing() -> None:
    before, seen = signal.getsignal(signal.SIGTERM), []

    def listen() -> None:
        with Interrupts().installed():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=listen)
    thread.start()
    thread.join()
    assert seen == [before]


def test_expected_errors_of_destructors_are_hidden() -> None:
    shown: list[object] = []
    before = sys.unraisablehook, threading.excepthook
    sys.unraisablehook = threading.excepthook = shown.append
    try:
        with hide_destructor_errors(lambda error: isinstance(error, ValueError)):
            for hook in (sys.unraisablehook, threading.excepthook):
                for error in (ValueError(), TypeError(), None):
                    hook(SimpleNamespace(exc_value=error))  # type: ignore[arg-type]
        assert [type(each.exc_value) for each in shown] == [TypeError, type(None)] * 2  # type: ignore[attr-defined]
        assert sys.unraisablehook == threading.excepthook == shown.append
    finally:
        sys.unraisablehook, threading.excepthook = before


# What a stage changes.


def state() -> dict[str, object]:
    umask = os.umask(0)
    os.umask(umask)
    return {
        "directory": Path.cwd(),
        "environment": dict(os.environ),
        "path": (id(sys.path), list(sys.path)),
        "arguments": (id(sys.argv), list(sys.argv)),
        "umask": umask,
        "random": random.getstate(),
        "streams": (sys.stdout, sys.stderr, sys.excepthook),
        "signals": [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)],
        "warnings": list(warnings.filters),
        "exit": os._exit,
        "finders": list(sys.meta_path),
    }


def test_everything_is_as_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHANGED", "old")
    monkeypatch.setenv("REMOVED", "old")
    before = state()
    with suppress(ValueError), isolated():
        os.chdir(tmp_path)
        os.environ |= {"CHANGED": "new", "ADDED": "new"}
        del os.environ["REMOVED"]
        sys.path.append("x")
        sys.argv = ["x"]
        os.umask(0o077)
        random.seed(3)
        sys.stdout, sys.stderr = io.StringIO(), io.StringIO()
        sys.excepthook = print
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        warnings.simplefilter("ignore")
        raise ValueError("in the block")
    after = state()
    assert [key for key in before if before[key] != after[key]] == []


@pytest.mark.parametrize("code", [0, 3])
def test_leaving_at_once_is_an_error(code: int) -> None:
    with isolated(), pytest.raises(UserError, match="it called os") as error:
        os._exit(code)
    assert error.value.message == f"it called os._exit({code}), which ends the whole run"


def test_a_thread_is_isolated_without_signals() -> None:
    failed: list[BaseException] = []

    def work() -> None:
        try:
            with isolated():
                os.environ["ADDED"] = "new"
        except BaseException as error:  # noqa: BLE001 - it is looked at
            failed.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert failed == []
    assert "ADDED" not in os.environ


# Streams.


def test_streams_of_a_program_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    out, err = io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    with streams.forgiving_streams():
        assert (sys.stdout, sys.stderr) == (out, err)
    assert [streams.check_streams(code) for code in (0, 1, 2)] == [0, 1, 2]
    assert err.getvalue() == ""


def test_a_program_may_close_its_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.TextIOWrapper(io.BytesIO())
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", None)
    with streams.forgiving_streams():
        sys.stdout.close()
        sys.stderr = None
    assert (sys.stdout, sys.stderr) == (out, None)


def test_a_closed_stream_is_opened_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stdout", closed)
    monkeypatch.setattr(sys, "stderr", None)
    with streams.forgiving_streams():
        assert (sys.stdout.errors, sys.stderr.errors) == ("replace", "backslashreplace")
        assert (sys.stdout.fileno(), sys.stderr.fileno()) == (1, 2)
        assert sys.stderr.line_buffering
    assert sys.stdout is closed
    assert sys.stderr is None


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a full device")
def test_a_full_disk_takes_a_part_of_the_output(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    kept = os.dup(1)
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, 1)
    try:
        with streams.forgiving_streams():
            print("x")
            assert streams.check_streams(0) == 1
            print("x")
            assert streams.check_streams(3) == 3
            assert streams.check_streams(0) == 0
        said = sys.stderr.getvalue()  # type: ignore[attr-defined]
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(full)
    text = "error: what was printed is incomplete: No space left on device\n"
    assert said == text * 2
