"""Files are looked for by any name, and written whole or not at all."""

import errno
import os
import shutil
import stat
from pathlib import Path

import pytest

from espnet3_compiler.filesystem import (
    OutsideRoot,
    broken_link,
    find,
    is_directory,
    is_file,
    is_utf8,
    lies_below,
    path_exists,
    read_error,
    real_path,
    refusal,
    shown_path,
    write_atomically,
)


def test_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "broken").symlink_to("none")
    answers = {
        name: (
            is_file(tmp_path / name),
            is_directory(tmp_path / name),
            path_exists(tmp_path / name),
        )
        for name in ("file", "folder", "link", "broken", "none", "x" * 300, "\0", "file/x")
    }
    nothing = (False, False, False)
    assert answers == {
        "file": (True, False, True),
        "folder": (False, True, True),
        "link": (True, False, True),
        **dict.fromkeys(("broken", "none", "x" * 300, "\0", "file/x"), nothing),
    }


def test_links_are_followed(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "out").symlink_to("..")
    (tmp_path / "to").symlink_to("in")
    assert real_path(tmp_path / "to" / "x") == tmp_path / "in" / "x"
    assert real_path(Path("a\0")) == Path("a\0")
    assert lies_below(tmp_path / "in", tmp_path / "in")
    assert lies_below(tmp_path / "to" / "x", tmp_path / "in")
    assert lies_below(tmp_path / "in" / "x", tmp_path / "to")
    assert not lies_below(tmp_path / "in" / "out" / "x", tmp_path / "in")
    assert not lies_below(tmp_path / "inside", tmp_path / "in")


def test_why_a_file_is_not_read(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "file").write_text("x")
    (root / "out").symlink_to(tmp_path)
    os.mkfifo(root / "pipe")
    assert read_error(root / "file", root) is None
    assert isinstance(read_error(root / "out" / "x", root), OutsideRoot)
    assert isinstance(read_error(root / "file", root / "file" / "x"), OutsideRoot)
    pipe = read_error(root / "pipe", root)
    assert isinstance(pipe, OSError)
    assert (pipe.errno, pipe.strerror) == (errno.EINVAL, "not an ordinary file")
    assert isinstance(read_error(root, root), IsADirectoryError)
    assert isinstance(read_error(root / "none", root), FileNotFoundError)
    assert isinstance(read_error(root / "a\0", root), ValueError)


def test_paths_are_shown_from_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert shown_path(tmp_path / "here" / "a" / "b.yaml") == "a/b.yaml"
    assert shown_path(tmp_path / "b.yaml") == "../b.yaml"


def test_globs_find_hidden_files_and_no_halves_of_characters(tmp_path: Path) -> None:
    for name in (".hidden.yaml", "ü.yaml", "plain.yaml", "other.txt", "half\udc80.yaml"):
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + os.fsencode(name))).write_text("")
    assert sorted(path.name for path in find(tmp_path, "*.yaml")) == [
        ".hidden.yaml", "plain.yaml", "ü.yaml",
    ]  # fmt: skip
    assert [path.parent for path in find(tmp_path, "plain*")] == [tmp_path]
    assert list(find(tmp_path / "none", "*")) == []
    assert [is_utf8(name) for name in ("a", "ü", "\ud800", "a\udfff")] == [True, True, False, False]


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("../none", "../none"),
        ("there", "there"),
        ("./there", "./there"),
        ("none", None),
        ("./none", None),
        ("../a\n", None),
        ("there\n", None),
        ("../", None),
        ("..", None),
        (".", None),
        ("", None),
        ("../" + "x" * 397, "../" + "x" * 397),
        ("../" + "x" * 398, None),
        (b"../\xff", None),
        ("a\0b", None),
    ],
)
def test_a_file_in_place_of_a_link(tmp_path: Path, text: str | bytes, target: str | None) -> None:
    (tmp_path / "there").write_text("")
    (tmp_path / "link").write_bytes(text if isinstance(text, bytes) else text.encode())
    assert broken_link(tmp_path / "link") == target


def test_links_that_lead_nowhere(tmp_path: Path) -> None:
    (tmp_path / "there").write_text("")
    (tmp_path / "good").symlink_to("there")
    (tmp_path / "bad").symlink_to("../none/x")
    assert broken_link(tmp_path / "bad") == "../none/x"
    for name in ("good", "there", "none", "x" * 300):
        assert broken_link(tmp_path / name) is None
    assert broken_link(tmp_path) is None


def test_why_a_file_was_not_written(tmp_path: Path) -> None:
    path = tmp_path / "not" / "there.txt"
    assert refusal(OSError(errno.EACCES, "Permission denied"), path) == "Permission denied"
    assert refusal(OSError("it is so"), path) == "it is so"
    text = refusal(OSError(errno.ENOSPC, "No space left on device"), path)
    start = f'No space left on device (the disk of "{tmp_path}" has '
    assert text.startswith(start)
    free = int(text.removeprefix(start).removesuffix(" bytes free)"))
    assert abs(free - shutil.disk_usage(tmp_path).free) < 1 << 30


@pytest.mark.parametrize("mode", [None, 0o600, 0o640, 0o755])
def test_a_file_keeps_its_permissions(tmp_path: Path, mode: int | None) -> None:
    path = tmp_path / "file"
    if mode is not None:
        path.write_text("old")
        path.chmod(mode)
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    usual = 0o666 & ~_umask()
    assert stat.S_IMODE(path.stat().st_mode) == (usual if mode is None else mode)
    assert os.listdir(tmp_path) == ["file"]  # noqa: PTH208 - the names alone


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_a_file_that_is_not_written_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("old")
    (tmp_path / "file").chmod(0o640)
    seen = []

    def refuse(part: Path, target: Path) -> None:
        seen.append((part.name, stat.S_IMODE(part.stat().st_mode), target))
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(OSError, match="No space left on device"):
        write_atomically(tmp_path / "file", b"new")
    assert seen == [(f".file.partial-{os.getpid()}", 0o640, tmp_path / "file")]
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "old"
