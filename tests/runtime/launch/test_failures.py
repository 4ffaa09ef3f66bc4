"""How an error is told: in one line, in full, with the frames of the recipe only."""

import errno
import os
from collections import namedtuple
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest

from espnet3_runtime.errors import UserError
from espnet3_runtime.launch import failures
from espnet3_runtime.launch.failures import (
    DiskError,
    disk_error,
    explain_error,
    find_code_place,
    lost_a_rank,
    lost_a_worker,
    stopped_by_signal,
    summarize_error,
)

BUILD = Path("/build")
WAY = "no incomplete file is left, and the same command goes on"


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (UserError("first\nsecond", where="a.b", hint="c"), "first"),
        (ValueError("one\ntwo"), "ValueError: one"),
        (ValueError(), "ValueError"),
        (KeyError("a"), "KeyError: 'a'"),
        (OSError(errno.EROFS, "Read-only file system"), "the disk refused to write: Read-only "),
        (BrokenProcessPool(), "a worker process was killed"),
    ],
)
def test_one_line(error: Exception, line: str) -> None:
    assert summarize_error(error).startswith(line)
    assert "\n" not in summarize_error(error)


DiskUse = namedtuple("DiskUse", "f_flag f_blocks f_files f_favail f_bavail f_frsize")  # noqa: PYI024


@pytest.fixture
def rooms(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Free bytes of the disk by the end of a path; plenty elsewhere."""
    free: dict[str, int] = {}

    def room(path: Path) -> DiskUse:
        bytes_free = next((n for end, n in free.items() if str(path).endswith(end)), 1 << 40)
        return DiskUse(0, 1, 1, 1, bytes_free, 1)

    monkeypatch.setattr(os, "statvfs", room)
    return free


def mount(path: Path) -> Path:
    while not path.is_mount():
        path = path.parent
    return path


@pytest.mark.parametrize(
    ("number", "text", "help_"),
    [
        (errno.EDQUOT, "Disk quota exceeded", "free some space"),
        (errno.EFBIG, "File too large", "raise the limit (ulimit -f)"),
        (errno.EROFS, "Read-only file system", "name another directory"),
    ],
)
def test_a_disk_that_refuses(number: int, text: str, help_: str) -> None:
    for arguments, named in (
        ((number, text), ""),
        ((number, text, "/x/y"), ' "/x/y"'),
        ((number, text, "/x", None, "/z"), ' "/z"'),
        ((number, text, b"/caf\xe9"), ' "/caf\udce9"'),
        ((number, text, 7), ""),
    ):
        told = disk_error(OSError(*arguments))
        assert isinstance(told, DiskError)
        assert str(told) == f"the disk refused to write{named}: {text}\n  help: {help_}; {WAY}"
        assert disk_error(told) is told


def test_a_full_disk_is_named_with_its_room(rooms: dict[str, int], tmp_path: Path) -> None:
    full, roomy = tmp_path / "full", tmp_path / "roomy"
    full.mkdir()
    roomy.mkdir()
    rooms["full"] = 512
    rooms["roomy"] = 99_999
    message = (
        'the disk refused to write{}: No space left on device (the disk at "{}" has {} bytes free)'
    )
    no_space = (errno.ENOSPC, "No space left on device")
    anonymous = disk_error(OSError(*no_space), [roomy, full])
    assert anonymous is not None
    assert anonymous.message == message.format("", mount(tmp_path), 512)
    assert anonymous.hint == f"free some space; {WAY}"
    named = disk_error(OSError(*no_space, str(roomy / "a")), [full])
    assert named is not None
    assert named.message == message.format(f' "{roomy / "a"}"', mount(tmp_path), 99_999)


@pytest.mark.parametrize(
    ("error", "is_disk"),
    [
        (RuntimeError("write failed\nand more"), True),
        (OSError("write failed"), True),
        (OSError(errno.EINVAL, "Invalid argument"), False),
        (ValueError("write failed"), False),
        (UserError("write failed"), False),
    ],
)
def test_a_mute_error_comes_from_a_full_disk(
    error: Exception, is_disk: bool, rooms: dict[str, int], tmp_path: Path
) -> None:
    assert disk_error(error) is None
    assert disk_error(error, [tmp_path]) is None
    rooms[tmp_path.name] = 100
    told = disk_error(error, [tmp_path])
    assert (told is not None) == is_disk
    if told is not None:
        first = f"{type(error).__name__}: write failed"
        assert told.message == (
            f"the disk refused to write: {first} "
            f'(the disk at "{mount(tmp_path)}" has 100 bytes free)'
        )


def test_no_directory_for_temporary_files(rooms: dict[str, int]) -> None:
    error = FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp']")
    told = disk_error(error)
    assert type(told) is UserError
    assert str(told) == (
        "no directory takes temporary files\n  help: set TMPDIR to one that can be written"
    )
    rooms["/dev/shm"] = 7
    told = disk_error(error)
    assert isinstance(told, DiskError)
    assert "No usable temporary directory" in told.message
    assert "has 7 bytes free)" in told.message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "DataLoader worker (pid 7) is killed by signal: Killed. It is possible",
            "a worker process was killed by signal Killed",
        ),
        ("DataLoader worker (pid(s) 7, 8) exited unexpectedly", "a worker process was killed"),
        (
            "DataLoader timed out after 30.5 seconds",
            "no worker process of the loader made a batch within 30.5 s",
        ),
    ],
)
def test_workers_of_a_loader(text: str, message: str) -> None:
    error = RuntimeError(text)
    assert summarize_error(error) == message
    assert lost_a_worker(error)
    assert not lost_a_rank(error)
    assert not lost_a_worker(ValueError(text))
    assert not lost_a_worker(RuntimeError(f"not {text}"))
    assert not lost_a_worker(None)


def test_the_message_about_a_late_loader_names_the_setting() -> None:
    assert explain_error(RuntimeError("DataLoader timed out after 3 seconds"), BUILD) == (
        "no worker process of the loader made a batch within 3 s\n"
        "  config: dataloader.timeout\n"
        "  help: reading an item hangs, or takes longer: num_workers: 0 shows where"
    )


@pytest.mark.parametrize(
    ("text", "lost"),
    [
        *(("gloo: Connection reset by peer", True), ("gloo\n: Broken pipe", True)),
        *(("gloo Connection refused", True), ("Connection refused", False)),
        *(("NCCL: remote process exited", True), ("NCCL communicator was aborted", True)),
        *(("NCCL has no such option", False), ("DDP: another rank has exited", True)),
    ],
)
def test_another_rank_has_ended(text: str, lost: bool) -> None:
    error = RuntimeError(text)
    assert lost_a_rank(error) is lost
    assert not lost_a_worker(error)
    told = explain_error(error, BUILD)
    assert told.startswith("another process of this training has ended") is lost


def test_ctrl_c_is_found_behind_other_errors() -> None:
    error = ValueError()
    assert not stopped_by_signal(error)
    error.__context__ = RuntimeError()
    error.__context__.__context__ = KeyboardInterrupt()
    assert stopped_by_signal(error)
    assert stopped_by_signal(KeyboardInterrupt())


def raised(code: str, file: str, name: str = "work", **names: object) -> BaseException:
    """Return what a function raises whose code stands in a file."""
    scope: dict[str, object] = {**names}
    exec(compile(f"def {name}():\n    {code}\n", file, "exec"), scope)
    try:
        scope[name]()  # type: ignore[operator]
    except Exception as error:  # noqa: BLE001 - any is told
        return without_this_file(error)
    raise AssertionError("it raised nothing")


def without_this_file(error: BaseException) -> BaseException:
    while error.__traceback__ and error.__traceback__.tb_frame.f_code.co_filename == __file__:
        error.__traceback__ = error.__traceback__.tb_next
    return error


OURS = str(Path(failures.__file__).parent / "made_up.py")


def scope_of(code: str, file: str) -> dict[str, object]:
    scope: dict[str, object] = {}
    exec(compile(f"def inner():\n    {code}\n", file, "exec"), scope)
    return scope


@pytest.mark.parametrize("outer", [OURS, "/build/system.py", "<frozen importlib._bootstrap>"])
def test_our_frames_above_those_of_the_recipe_are_left_out(outer: str) -> None:
    inner = scope_of("raise ValueError('no')", "/recipe/src/steps.py")["inner"]
    assert explain_error(raised("inner()", outer, inner=inner), BUILD) == (
        "ValueError: no\n"
        "Traceback (most recent call last):\n"
        '  File "/recipe/src/steps.py", line 2, in inner\n'
        "ValueError: no"
    )


INSTALLED = "/x/lib/python3.11/site-packages/torch/nn/modules/module.py"


@pytest.mark.parametrize("below", [OURS, INSTALLED, os.__file__, "<string>"])
def test_frames_of_others_below_those_of_the_recipe_are_counted(below: str) -> None:
    inner = scope_of("raise ValueError('no')", below)["inner"]
    assert explain_error(raised("inner()", "/recipe/src.py", inner=inner), BUILD) == (
        "ValueError: no\n"
        "Traceback (most recent call last):\n"
        '  File "/recipe/src.py", line 2, in work\n'
        "ValueError: no\n"
        "  1 other frame: see the log"
    )


def test_without_code_of_the_recipe_all_frames_below_ours_are_shown() -> None:
    inner = scope_of("raise ValueError('no')", INSTALLED)["inner"]
    assert f'  File "{INSTALLED}", line 2, in inner\n' in explain_error(
        raised("inner()", OURS, inner=inner), BUILD
    )


IN_WORKER = f"""\
Caught IndexError in DataLoader worker process 0.
Original Traceback (most recent call last):
  File "{INSTALLED}", line 358, in _worker_loop
    data = fetcher.fetch(index)
           ^^^^^^^^^^^^^^^^^^^^
  File "/recipe/dataset/__init__.py", line 79, in __getitem__
    return self.items[index]
           ~~~~~~~~~~^^^^^^^
IndexError: list index out of range
"""


def test_an_error_of_a_worker_is_told_with_the_code_of_the_recipe() -> None:
    error = IndexError(IN_WORKER)
    assert summarize_error(error) == "IndexError: list index out of range"
    assert explain_error(raised_by(error), BUILD) == (
        "IndexError: list index out of range\n"
        "Traceback (most recent call last):\n"
        '  File "/recipe/dataset/__init__.py", line 79, in __getitem__\n'
        "    return self.items[index]\n"
        "           ~~~~~~~~~~^^^^^^^\n"
        "IndexError: list index out of range"
    )
    assert find_code_place(error, BUILD, Path("/recipe")) == "dataset/__init__.py:79"


def raised_by(error: Exception) -> BaseException:
    return raised("raise error", INSTALLED, error=error)


def test_the_innermost_code_of_the_recipe_is_found() -> None:
    inner = scope_of("raise ValueError('no')", INSTALLED)["inner"]
    error = raised("inner()", "/recipe/src/model.py", inner=inner)
    assert find_code_place(error, BUILD, Path("/recipe")) == "src/model.py:2"
    assert find_code_place(error, BUILD, Path("/elsewhere")) == "/recipe/src/model.py:2"
    mistake = UserError("it cannot be made")
    mistake.__cause__ = error
    assert find_code_place(mistake, BUILD, Path("/recipe")) == "src/model.py:2"
    assert find_code_place(raised("raise OSError", OURS), BUILD, Path("/recipe")) is None


def test_an_error_of_ours_alone_is_told_with_all_frames() -> None:
    assert explain_error(raised("raise ValueError('no')", OURS), BUILD) == (
        f'Traceback (most recent call last):\n  File "{OURS}", line 2, in work\nValueError: no'
    )


def test_a_mistake_is_told_with_the_code_of_the_recipe_that_caused_it() -> None:
    cause = raised("raise ValueError('no')", "/recipe/a.py")
    mistake = UserError("it cannot be made", where="a.b")
    mistake.__cause__ = cause
    assert explain_error(mistake, BUILD) == (
        "it cannot be made\n  config: a.b\n"
        "Traceback (most recent call last):\n"
        '  File "/recipe/a.py", line 2, in work\n'
        "ValueError: no"
    )
    mistake.__cause__ = raised("raise ValueError('no')", OURS)
    assert explain_error(mistake, BUILD) == "it cannot be made\n  config: a.b"
    mistake.__cause__, mistake.__context__ = None, cause
    assert explain_error(mistake, BUILD) == "it cannot be made\n  config: a.b"


@pytest.mark.parametrize("is_cause", [True, False])
def test_what_an_error_was_raised_from_is_shown_only_when_it_is_its_cause(is_cause: bool) -> None:
    error = raised("raise ValueError('no')", "/recipe/a.py")
    error.__context__ = raised("raise KeyError('k')", "/recipe/b.py")
    error.__cause__ = error.__context__ if is_cause else None
    assert ("/recipe/b.py" in explain_error(error, BUILD)) is is_cause
