"""Lock files, each held in this process alone: who holds one, and what is none."""

import errno
import fcntl
import json
import os
import time
from contextlib import suppress
from pathlib import Path

import pytest

from espnet3_runtime.errors import UserError
from espnet3_runtime.process.lockfile import check_writable, hold_lock


def test_who_holds_a_lock_is_told(tmp_path: Path) -> None:
    path = tmp_path / "sub" / ".lock"
    with hold_lock(path, '"exp"') as held:
        who = json.loads(path.read_text())
        assert (held.path, held.name, held.writes, held.find_change()) == (path, '"exp"', True, "")
        assert who["pid"] == os.getpid()
        held.check()
        with pytest.raises(UserError, match="another run") as error, hold_lock(path, '"it"'):
            pass
        assert error.value.message == (
            f'another run is working on "it": process {os.getpid()} on {who["host"]}'
            f" since {who['since']}"
        )
        assert error.value.hint == "wait for it, stop it, or set another recipe.exp_tag"
        assert time.strptime(who["since"], "%Y-%m-%d %H:%M:%S")
    with hold_lock(path, '"exp"'):
        pass


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"pid": 1, "host": "a"}', "x"])
def test_an_unreadable_holder_is_unknown(tmp_path: Path, text: str) -> None:
    path = tmp_path / "lock"
    with path.open("w") as file:
        file.write(text)
        file.flush()
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(UserError, match=r"working on it: an unknown process\n"):  # noqa: SIM117
            with hold_lock(path, "it"):
                pass


@pytest.mark.parametrize(
    ("change", "found", "missing"),
    [("unlink", "removed", True), ("touch", "replaced", False), ("link", "replaced", False)],
)
def test_a_lock_that_is_no_more_the_same(
    tmp_path: Path, change: str, found: str, missing: bool
) -> None:
    path, other = tmp_path / "lock", tmp_path / "other"
    other.touch()
    with hold_lock(path, "it") as held:
        path.unlink()
        if change == "touch":
            other.rename(path)
        elif change == "link":
            path.symlink_to(other)
        assert held.find_change() == found
        with pytest.raises(UserError, match="during this run") as error:
            held.check()
        assert error.value.message == (
            f'"{path}" was {found} during this run: another may work on it'
        )
        assert error.value.hint == (
            "what ran meanwhile is not recorded; run the same command again"
        )
        if missing:
            held.check(may_be_missing=True)
        else:
            with pytest.raises(UserError, match="was replaced"):
                held.check(may_be_missing=True)


@pytest.mark.parametrize(
    ("kind", "message", "hint"),
    [
        ("link", '"{}" is a link, not the lock file', "remove it"),
        ("folder", 'it cannot be locked: "{}": Is a directory', ""),
        ("pipe", '"{}" is not an ordinary file', "remove it"),
    ],
)
def test_what_is_no_lock_file(tmp_path: Path, kind: str, message: str, hint: str) -> None:
    path = tmp_path / "lock"
    {"link": lambda p: p.symlink_to("x"), "folder": Path.mkdir, "pipe": os.mkfifo}[kind](path)
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - the numbers alone
    with pytest.raises(UserError, match="lock") as error, hold_lock(path, "it"):
        pass
    assert (error.value.message, error.value.hint) == (message.format(path), hint)
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208 - the numbers alone


def test_a_lock_is_let_go(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - the numbers alone
    with suppress(ValueError), hold_lock(path, "it") as held:
        kept = os.dup(held.descriptor or 0)
        raise ValueError("in the block")
    with path.open("r+") as file:  # though a fork has it open
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(kept)
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208 - the numbers alone


def test_a_file_system_without_locks_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    for _ in range(2):
        with hold_lock(tmp_path / "lock", "it"):
            pass
    text = f"the file system of {tmp_path} has no locks (flock): start no other run on it"
    assert [record.getMessage() for record in caplog.records] == [text]


def test_a_folder_that_can_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_writable(tmp_path / "not" / "there", "it")
    asked = []
    monkeypatch.setattr(os, "access", lambda *words: asked.append(words))
    with pytest.raises(UserError, match="a run cannot write to it") as error:
        check_writable(tmp_path / "not" / "there", "it")
    assert asked == [(tmp_path, os.W_OK | os.X_OK)]
    assert error.value.message == (
        f'a run cannot write to it: "{tmp_path}" belongs to {tmp_path.owner()}, mode drwx------'
    )
    assert error.value.hint == (
        "choose another recipe.exp_dir or recipe.exp_tag; --dry_run, --list and --verify only read"
    )
