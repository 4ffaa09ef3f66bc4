"""A forked run is like one of a fresh interpreter."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.warm_kit import run_warm

SCRIPT = """import atexit, multiprocessing, os, signal, sys, threading, time

def late():
    time.sleep(0.1)
    print("late")

atexit.register(print, "at exit")
threading.Thread(target=late).start()
print(sys.argv, sys.path[0], os.getcwd(), __name__, os.environ.get("OF_THE_RUN"))
print(multiprocessing.get_start_method(), signal.getsignal(signal.SIGINT).__name__)
print("for stderr", file=sys.stderr)
{}
"""


@pytest.mark.parametrize("end", ["", "sys.exit(3)", "sys.exit('with a text')", "os._exit(4)"])
def test_it_says_and_ends_as_a_fresh_one_does(tmp_path: Path, end: str) -> None:
    tmp_path.joinpath("run.py").write_text(SCRIPT.format(end))
    environment = {**os.environ, "OF_THE_RUN": "yes"}
    warm = run_warm("run.py", "--word", folder=tmp_path, environment=environment)
    fresh = subprocess.run(
        [sys.executable, "-u", "run.py", "--word"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (warm.returncode, warm.stdout, warm.stderr) == (
        fresh.returncode,
        fresh.stdout,
        fresh.stderr,
    )


def test_an_error_is_told(tmp_path: Path) -> None:
    tmp_path.joinpath("wrong.py").write_text("raise ValueError('wrong')")
    done = run_warm("-m", "wrong", folder=tmp_path, environment=os.environ)
    assert done.returncode == 1
    assert done.stderr.endswith("ValueError: wrong\n")
