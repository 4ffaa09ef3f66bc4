"""What runs in a child process: its answers, its silence, and what it may not do."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

import pytest

from espnet3_runtime.preflight.child import run_in_child
from espnet3_runtime.preflight.no_effects import Network, NoEffects


def test_the_lines_that_were_written_are_the_answers(tmp_path: Path) -> None:
    def work(file: TextIO) -> None:
        file.write('{"a": 1}\n\n[2, "ä"]\n{"cut": ')

    before = dict(os.environ)
    with warnings.catch_warnings(record=True) as seen:
        assert run_in_child(work, tmp_path) == [{"a": 1}, [2, "ä"]]
    assert (seen, dict(os.environ)) == ([], before)


def test_it_is_silent_and_leaves_no_bytecode(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def work(file: TextIO) -> None:
        print("said")
        print("complained", file=sys.stderr)
        os.write(1, b"written")
        places = [tempfile.gettempdir(), os.environ["TMPDIR"]]
        file.write(
            f"{[*places, sys.stdin.read()]}\n[{int(sys.dont_write_bytecode)}]\n".replace("'", '"')
        )
        file.write(f"[{signal.alarm(0)}]\n")
        raise SystemExit(3)

    print("before", end="")
    places, written, (seconds,) = run_in_child(work, tmp_path)
    assert (places, written) == ([str(tmp_path), str(tmp_path), ""], [1])
    assert 110 < seconds <= 120
    assert capfd.readouterr() == ("before", "")


@pytest.mark.parametrize(
    "end", [lambda: os._exit(3), lambda: os.kill(os.getpid(), 9), lambda: 1 / 0]
)
def test_what_was_written_before_it_broke_off_counts(
    end: Callable[[], object], tmp_path: Path
) -> None:
    def work(file: TextIO) -> None:
        file.write('"begun"\n')
        file.flush()
        end()

    assert run_in_child(work, tmp_path) == ["begun"]


def attempts(folder: Path) -> list[tuple[str, Callable[[], Any]]]:
    """What user code may try; each ends or raises at once."""
    inside, outside = folder / "inside", folder / "outside"
    there = outside / "there"
    descriptor = os.open(there, os.O_RDWR)
    return [
        ("write inside", lambda: (inside / "a").write_text("a")),
        ("read outside", there.read_text),
        ("write outside", lambda: (outside / "b").write_text("a")),
        ("append outside", lambda: there.open("a")),
        ("write and read outside", lambda: there.open("r+")),
        ("create", lambda: os.close(os.open(outside / "c", os.O_RDONLY | os.O_CREAT))),
        ("mkdir inside", (inside / "d").mkdir),
        ("mkdir outside", (outside / "d").mkdir),
        ("beside", lambda: Path(f"{inside}-other").mkdir()),
        ("remove", there.unlink),
        ("rmdir", outside.rmdir),
        ("truncate", lambda: os.truncate(there, 0)),
        ("truncate what is open", lambda: os.ftruncate(descriptor, 1)),
        ("chmod", lambda: there.chmod(0o600)),
        ("chown", lambda: os.chown(there, -1, -1)),
        ("utime", lambda: os.utime(there)),
        ("rename out", lambda: (inside / "a").rename(outside / "e")),
        ("rename in", lambda: there.rename(inside / "e")),
        ("link in", lambda: os.link(there, inside / "f")),
        ("symlink out", lambda: (outside / "g").symlink_to(inside)),
        ("rename inside", lambda: (inside / "a").rename(inside / "h")),
        ("device", lambda: Path(os.devnull).write_text("a")),
        ("run", lambda: subprocess.run(["true"], check=False)),
        ("system", lambda: os.system("true")),
        ("resolve", lambda: socket.getaddrinfo("localhost", 80)),
        ("connect", lambda: socket.socket().connect(("127.0.0.1", 9))),
        ("connect here", lambda: socket.socket(socket.AF_UNIX).connect(str(folder / "none"))),
    ]


FILES = "PermissionError: nothing is written while a recipe is checked"
NETWORK = "ConnectionRefusedError: the network is not used while a recipe is checked"
NONE = "FileNotFoundError: [Errno 2] No such file or directory"
REFUSED = {
    **dict.fromkeys(("write outside", "append outside", "write and read outside"), FILES),
    **dict.fromkeys(("create", "mkdir outside", "beside", "remove", "rmdir", "truncate"), FILES),
    **dict.fromkeys(("chmod", "chown", "utime", "rename out", "rename in", "link in"), FILES),
    **dict.fromkeys(("symlink out", "run", "system"), FILES),
    **dict.fromkeys(("resolve", "connect"), NETWORK),
}


@pytest.mark.parametrize("files", [True, False])
def test_what_changes_files_or_uses_the_network_is_refused(files: bool, tmp_path: Path) -> None:
    (tmp_path / "inside").mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "there").write_text("there")

    def work(file: TextIO) -> None:
        guard = NoEffects(tmp_path / "inside") if files else Network()
        tried = attempts(tmp_path)
        if not files:
            tried = [pair for pair in tried if pair[0].startswith(("connect", "res", "write out"))]
        assert guard.refuse() is guard
        for name, attempt in tried:
            try:
                attempt()
                said = "done"
            except OSError as error:
                said = f"{type(error).__name__}: {error}".partition(": '")[0]
            line = f'["{name}", "{said}", {guard.refused}]\n'
            file.write(line)

    expected, count = [], 0
    for name, _ in attempts(tmp_path):
        if files or name.startswith(("connect", "res", "write out")):
            said = REFUSED.get(name, NONE if name == "connect here" else "done")
            said = "done" if not files and said == FILES else said
            count += said in (FILES, NETWORK)
            expected.append([name, said, count])
    (tmp_path / "answers").mkdir()
    assert run_in_child(work, tmp_path / "answers") == expected


def test_what_was_refused_is_said() -> None:
    assert Network.need == "it needs the network"
    assert NoEffects.need == "it needs the network, to change files, or another program"
