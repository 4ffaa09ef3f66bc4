"""Files and directories appear whole or not at all."""

import errno
import os
import re
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from espnet3_runtime import atomic


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_a_file_replaces_the_old_one_only_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "sub" / "a.txt"
    atomic.write_text(path, "old")
    with atomic.atomic_file(path) as file:
        file.write("new")
        file.flush()
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert names(path.parent) == ["a.txt"]


def half_a_file(path: Path, error: type[BaseException]) -> None:
    with atomic.atomic_file(path, "wb") as file:
        file.write(b"half")
        raise error("half of it")


def half_a_path(path: Path, error: type[BaseException]) -> None:
    with atomic.atomic_path(path) as part:
        part.write_bytes(b"half")
        raise error("half of it")


def half_a_directory(path: Path, error: type[BaseException]) -> None:
    with atomic.atomic_directory(path.with_name("d")) as made:
        (made / "x").write_text("half")
        raise error("half of it")


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
@pytest.mark.parametrize("write", [half_a_file, half_a_path, half_a_directory])
def test_an_exception_leaves_everything_as_it_was(
    write: Callable[[Path, type[BaseException]], None], error: type[BaseException], tmp_path: Path
) -> None:
    path = tmp_path / "a.bin"
    atomic.write_bytes(path, b"old")
    with pytest.raises(error, match="half of it"):
        write(path, error)
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["a.bin"]


def test_text_is_utf8_with_unix_line_breaks(tmp_path: Path) -> None:
    atomic.write_text(tmp_path / "a", "ä\nb\n")
    assert (tmp_path / "a").read_bytes() == b"\xc3\xa4\nb\n"


def test_json_is_sorted_and_takes_any_text(tmp_path: Path) -> None:
    atomic.write_json(tmp_path / "a.json", {"b": "ä", "a": [1.5, None]})
    assert (
        tmp_path / "a.json"
    ).read_text() == '{\n  "a": [\n    1.5,\n    null\n  ],\n  "b": "ä"\n}\n'
    for half in ("\ud800", "\udabc", "\udfff"):
        atomic.write_json(tmp_path / "a.json", {"b": [half], "a": "ä"})
        escaped = f"\\u{ord(half):04x}"
        assert (tmp_path / "a.json").read_text() == (
            f'{{\n  "a": "\\u00e4",\n  "b": [\n    "{escaped}"\n  ]\n}}\n'
        )
    for char in ("\ud7ff", "\ue000"):
        atomic.write_json(tmp_path / "a.json", char)
        assert (tmp_path / "a.json").read_text() == f'"{char}"\n'


def test_a_library_writes_to_a_name_with_the_right_suffix(tmp_path: Path) -> None:
    with atomic.atomic_path(tmp_path / "model.onnx") as part:
        assert re.fullmatch(rf"\.model\.onnx\.tmp-{os.getpid()}-[0-9a-f]{{8}}\.onnx", part.name)
        part.write_bytes(b"x")
    assert names(tmp_path) == ["model.onnx"]


@pytest.mark.parametrize("exchange", [True, False])
def test_a_directory_takes_the_place_of_the_old_one(
    exchange: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not exchange:
        monkeypatch.setattr(atomic, "_exchange", lambda one, other: False)
    path = tmp_path / "made" / "bundle"
    for text in ("old", "new"):
        with atomic.atomic_directory(path) as made:
            (made / text).mkdir()
            (made / text / "file").write_text(text)
        assert names(path) == [text]
    assert names(path.parent) == ["bundle"]


def test_leftovers_of_killed_processes_are_removed(tmp_path: Path) -> None:
    part = atomic.temporary(tmp_path / "a" / "b.txt")
    part.parent.mkdir()
    part.write_text("half")
    atomic.temporary(tmp_path / "c").mkdir()
    (tmp_path / "a" / ".keep").write_text("")
    assert atomic.is_temporary(part.name)
    assert not atomic.is_temporary("a.tmp-1")
    atomic.remove_leftovers(tmp_path)
    assert names(tmp_path) == ["a"]
    assert names(tmp_path / "a") == [".keep"]
    atomic.remove_leftovers(tmp_path / "nowhere")


def test_leftovers_of_one_folder_alone(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    for parent in (tmp_path, tmp_path / "a"):
        for name in ("x", "y"):
            atomic.temporary(parent / name).write_text("half")
        made = atomic.temporary(parent / "made")
        made.mkdir()
        (made / "file").write_text("half")
        (parent / "x.tmp-1").write_text("whole")
    atomic.remove_leftovers(tmp_path, deep=False)
    assert names(tmp_path) == ["a", "x.tmp-1"]
    assert len(names(tmp_path / "a")) == 4
    atomic.remove_leftovers(tmp_path)
    assert names(tmp_path / "a") == ["x.tmp-1"]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no exchange of two names")
def test_a_replaced_directory_is_there_at_every_moment(tmp_path: Path) -> None:
    path, done, missing = tmp_path / "made", threading.Event(), []

    def watch() -> None:
        while not done.is_set():
            missing.extend([] if path.is_dir() else [1])

    path.mkdir()
    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    for _ in range(100):
        with atomic.atomic_directory(path) as part:
            (part / "file").write_text("x")
    done.set()
    watcher.join()
    assert missing == []


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no exchange of two names")
def test_why_two_directories_are_not_exchanged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "part").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OSError, match=re.escape(f"[Errno {errno.EBUSY}]")):
        atomic.replace_directory(tmp_path / "part", Path())
    assert names(tmp_path) == ["part"]
