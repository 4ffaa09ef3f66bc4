"""What is written is on the disk before it has its name, and a full disk is told as such."""

import ctypes
import errno
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from espnet3_runtime import atomic
from espnet3_runtime.errors import Stopped, UserError


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


@pytest.fixture
def flushed(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Paths in the order in which they were flushed to the disk."""
    seen: list[Path] = []
    flush = os.fsync

    def note(descriptor: int) -> None:
        seen.append(Path(f"/proc/self/fd/{descriptor}").readlink())
        flush(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    return seen


linux = pytest.mark.skipif(sys.platform != "linux", reason="descriptors have no names elsewhere")


@linux
def test_a_file_and_its_name_are_flushed(tmp_path: Path, flushed: list[Path]) -> None:
    with atomic.atomic_file(tmp_path / "a") as file:
        file.write("x")
        assert flushed == []
    part, parent = flushed
    assert atomic.is_temporary(part.name)
    assert parent == tmp_path


@linux
def test_a_directory_is_flushed_with_all_below(tmp_path: Path, flushed: list[Path]) -> None:
    with atomic.atomic_directory(tmp_path / "made") as part:
        (part / "sub").mkdir()
        (part / "sub" / "file").write_text("x")
        (part / "file").write_text("x")
    assert {path.relative_to(part).as_posix() for path in flushed[:-1]} == {
        ".", "file", "sub", "sub/file",
    }  # fmt: skip
    assert flushed[-1] == tmp_path


@linux
def test_a_file_system_that_flushes_no_directories_is_fine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(descriptor: int) -> None:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    monkeypatch.setattr(os, "fsync", refuse)
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - the numbers alone
    atomic.sync_directory(tmp_path)
    atomic.sync_directory(tmp_path / "nowhere")
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208 - the numbers alone


def write_file(path: Path, error: BaseException) -> None:
    with atomic.atomic_file(path) as file:
        file.write("half")
        raise error


def write_directory(path: Path, error: BaseException) -> None:
    with atomic.atomic_directory(path) as part:
        (part / "half").write_text("half")
        raise error


def caused(error: BaseException, cause: BaseException) -> BaseException:
    error.__cause__ = cause
    return error


FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "copied.txt")


@pytest.mark.parametrize("write", [write_file, write_directory])
@pytest.mark.parametrize(
    "error",
    [FULL, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), caused(RuntimeError("no"), FULL)],
)
def test_the_error_of_a_full_disk_names_the_file(tmp_path: Path, write, error) -> None:
    with pytest.raises(OSError, match="No space left on device") as raised:
        write(tmp_path / "a", error)
    assert raised.value.errno == errno.ENOSPC
    assert raised.value.filename == str(tmp_path / "a")
    assert raised.value.__cause__ is error
    assert names(tmp_path) == []


@pytest.mark.parametrize("write", [write_file, write_directory])
@pytest.mark.parametrize(
    "error",
    [
        ValueError("wrong"),
        RuntimeError("wrong"),
        caused(UserError("wrong"), FULL),
        caused(Stopped("wrong"), FULL),
        caused(KeyboardInterrupt("wrong"), FULL),
    ],
)
def test_other_errors_stay_as_they_are(tmp_path: Path, write, error) -> None:
    with pytest.raises(type(error), match="wrong") as raised:
        write(tmp_path / "a", error)
    assert raised.value is error
    assert names(tmp_path) == []


def space(monkeypatch: pytest.MonkeyPatch, asked: list[str], **numbers: int) -> None:
    """Let the disk have other numbers: by default 1000 blocks of 4096 bytes and 10 files free."""
    values = {"f_flag": 0, "f_blocks": 5000, "f_files": 50, "f_favail": 10}
    values |= {"f_bavail": 1000, "f_frsize": 4096, **numbers}

    def answer(path: Path) -> SimpleNamespace:
        asked.append(str(path))
        return SimpleNamespace(**values)

    monkeypatch.setattr(os, "statvfs", answer)


@pytest.mark.parametrize(
    ("numbers", "free", "full"),
    [
        ({}, 4096000, False),
        ({"f_bavail": 4}, 16384, False),
        ({"f_bavail": 3}, 12288, True),
        ({"f_bavail": 16383, "f_frsize": 1}, 16383, True),
        ({"f_bavail": 0}, 0, True),
        ({"f_favail": 1}, 4096000, False),
        ({"f_favail": 0}, 0, True),
        ({"f_favail": 0, "f_files": 0}, 4096000, False),
        ({"f_flag": os.ST_RDONLY, "f_bavail": 0}, sys.maxsize, False),
        ({"f_flag": os.ST_RDONLY | os.ST_NOSUID, "f_favail": 0}, sys.maxsize, False),
        ({"f_flag": os.ST_NOSUID, "f_bavail": 0}, 0, True),
        ({"f_blocks": 0, "f_bavail": 0}, sys.maxsize, False),
    ],
)
def test_free_space(tmp_path: Path, monkeypatch, numbers, free, full) -> None:
    asked: list[str] = []
    space(monkeypatch, asked, **numbers)
    assert atomic.free_bytes(tmp_path / "not" / "yet" / "there") == free
    assert atomic.is_full(tmp_path) is full
    assert asked == [str(tmp_path)] * 2


@pytest.mark.parametrize(("left", "kind"), [(3, OSError), (4, RuntimeError)])
def test_a_library_that_does_not_say_why_is_asked_for_the_disk(
    tmp_path: Path, monkeypatch, left, kind
) -> None:
    space(monkeypatch, [], f_bavail=left)
    with pytest.raises(kind, match="No space left on device" if left == 3 else "it failed"):
        write_file(tmp_path / "a", RuntimeError("it failed"))
    with pytest.raises(ValueError, match="it failed"):
        write_file(tmp_path / "a", ValueError("it failed"))


def test_a_reason_that_is_told_counts_before_a_full_disk(tmp_path: Path, monkeypatch) -> None:
    space(monkeypatch, [], f_bavail=0)
    quota = OSError(errno.EDQUOT, os.strerror(errno.EDQUOT), "copied.txt")
    with pytest.raises(OSError, match="quota") as raised:
        write_file(tmp_path / "a", caused(RuntimeError("it failed"), quota))
    assert (raised.value.errno, raised.value.filename) == (errno.EDQUOT, str(tmp_path / "a"))


class Library:
    """A C library whose ``renameat2`` refuses with a number."""

    def __init__(self, code: int) -> None:
        self.code = code

    def renameat2(self, *_: object) -> int:
        ctypes.set_errno(self.code)
        return -1


@pytest.mark.parametrize("library", [object(), Library(errno.EINVAL), Library(errno.ENOSYS)])
def test_a_directory_is_replaced_where_names_cannot_be_exchanged(
    tmp_path: Path, monkeypatch, library
) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: library)
    for text in ("old", "new"):
        with atomic.atomic_directory(tmp_path / "made") as part:
            (part / text).write_text(text)
        assert names(tmp_path / "made") == [text]
        assert names(tmp_path) == ["made"]


def test_a_refused_exchange_leaves_the_old_directory(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: Library(errno.EPERM))
    (tmp_path / "made").mkdir()
    with (
        pytest.raises(PermissionError, match="Operation not permitted") as raised,
        atomic.atomic_directory(tmp_path / "made") as part,
    ):
        (part / "new").write_text("new")
    assert raised.value.filename == str(tmp_path / "made")
    assert names(tmp_path) == ["made"]
    assert names(tmp_path / "made") == []
