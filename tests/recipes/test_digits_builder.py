"""The builder of the digits: workers never outlive a build that was killed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("espeakng_loader")
RECIPE = Path(__file__).parents[2] / "recipes" / "digits" / "asr"
BUILD = """
import sys
from dataset import DatasetBuilder
DatasetBuilder(data_dir=sys.argv[1]).build(sizes={"train": 20000}, seed=1)
"""


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="looks for children in /proc")
def test_workers_end_with_a_killed_build(tmp_path: Path) -> None:
    build = subprocess.Popen([sys.executable, "-c", BUILD, str(tmp_path)], cwd=RECIPE)
    workers = _wait(lambda: len(_children(build.pid)) == 2 and _children(build.pid), 60)
    build.send_signal(signal.SIGKILL)
    build.wait()
    assert _wait(lambda: not any(map(_is_alive, workers)), 20)


def _children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    return [int(word) for word in text.split()]


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "zombie" not in Path(f"/proc/{pid}/status").read_text(encoding="ascii")


def _wait(holds, seconds: float):
    end = time.monotonic() + seconds
    while not (found := holds()) and time.monotonic() < end:
        time.sleep(0.05)
    assert found
    return found
