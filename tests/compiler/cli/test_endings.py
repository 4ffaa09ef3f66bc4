"""How the command ends: a bug, a full disk, Ctrl-C, a reader that goes away."""

import errno
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from espnet3_compiler.cli import main
from tests.compiler.recipe_kit import call, minimal

MISTAKE = {"old": "in_features", "new": "in_featurs"}


def test_a_bug_of_ours_is_one_message(tmp_path: Path, capsys, monkeypatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("wheel came off")

    monkeypatch.setattr("espnet3_compiler.pipeline.lower", broken)
    manifest = minimal(tmp_path)
    assert call(manifest) == 3
    err = capsys.readouterr().err
    assert "espnet3-compile has a bug: RuntimeError: wheel came off" in err
    assert "Traceback" not in err
    monkeypatch.setenv(main.TRACEBACK_VARIABLE, "1")
    assert call(manifest) == 3
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("number", "name", "said"),
    [
        (errno.ENOSPC, "/t/x", 'error: the disk refused to write "/t/x": full'),
        (errno.EDQUOT, None, "error: the disk refused to write: full"),
        (errno.EFBIG, None, "error: the disk refused to write: full"),
    ],
)
def test_a_full_disk_is_no_bug_of_ours(
    tmp_path: Path, capsys, monkeypatch, number: int, name: str | None, said: str
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise OSError(number, "full", name)

    monkeypatch.setattr("espnet3_compiler.pipeline.lower", broken)
    assert call(minimal(tmp_path)) == 1
    assert capsys.readouterr().err == f"{said}\n"


def test_ctrl_c_is_one_message(tmp_path: Path, capsys, monkeypatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("espnet3_compiler.pipeline.lower", interrupted)
    assert call(minimal(tmp_path)) == 130
    assert "interrupted" in capsys.readouterr().err
    assert not (tmp_path / "build").exists()


def test_a_reader_that_goes_away(tmp_path: Path) -> None:
    manifest = minimal(tmp_path, **MISTAKE)
    command = [sys.executable, "-m", "espnet3_compiler", "--format", "json", "--check", manifest]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait(timeout=60) == 141


def test_real_ctrl_c(tmp_path: Path) -> None:
    for number in range(60):
        minimal(tmp_path / f"r{number}")
    command = [sys.executable, "-m", "espnet3_compiler", tmp_path]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 30
    while (
        not list(tmp_path.glob("*/build"))
        and process.poll() is None
        and time.monotonic() < deadline
    ):
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert "Traceback" not in err
    builds = list(tmp_path.glob("*/build"))
    assert builds
    assert process.returncode == 130 or len(builds) == 60
    for build in builds:
        assert (build / "recipe.lock.json").exists()
        assert (build / "run.py").exists()
