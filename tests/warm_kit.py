"""Runs Python in a process of its own that has imported PyTorch and Lightning already.

Each such process is forked from one that imported them, which takes some five seconds off a run.
Tests of the start itself, of signals and of terminals start Python.
"""

import atexit
import io
import multiprocessing
import os
import runpy
import subprocess
import sys
import threading
from collections.abc import Mapping
from functools import cache
from multiprocessing import forkserver
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

SECONDS = 280  # less than a test may take
READ_AT_IMPORT = "HF_"
"""How variables begin that a library of what Lightning imports reads only when it is imported."""
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(
    [
        "tests.warm_kit",
        "espnet3_compiler.recompile",
        "espnet3_runtime.launch.main",
        "espnet3_runtime.launch.session",
        "espnet3_runtime.systems.asr",
        "lightning.pytorch",
    ]
)


def run_warm(
    *words: str, folder: Path, environment: Mapping[str, str], joined: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run a script, or a module after ``-m``, as ``python`` does.

    Args:
        words: What follows ``python``.
        folder: Where it runs.
        environment: All of its environment.
        joined: Whether what it writes to stderr comes with stdout, as in a terminal.

    Returns:
        What it said, and its exit code.
    """
    if any(name.startswith(READ_AT_IMPORT) for name in environment):
        return _run_cold(words, folder, environment, joined=joined)
    with TemporaryDirectory() as made:
        out = Path(made, "out")
        error = out if joined else Path(made, "error")
        paths = _import_paths(environment.get("PYTHONPATH", ""))
        one = FORKS.Process(target=_run, args=(words, folder, dict(environment), paths, out, error))
        _start_server()
        one.start()
        one.join(SECONDS)
        if one.exitcode is None:
            one.kill()
            raise subprocess.TimeoutExpired(words, SECONDS, out.read_bytes())
        said = "" if joined else error.read_text()
        return subprocess.CompletedProcess(words, one.exitcode, out.read_text(), said)


def _run_cold(
    words: tuple[str, ...], folder: Path, environment: Mapping[str, str], *, joined: bool
) -> subprocess.CompletedProcess[str]:
    error = subprocess.STDOUT if joined else subprocess.PIPE
    command = [sys.executable, *words]
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=error,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    return subprocess.CompletedProcess(words, done.returncode, done.stdout, done.stderr or "")


@cache
def _start_server() -> None:
    """Start the process that runs are forked from."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")  # PyTorch reads it when it is imported
        forkserver.ensure_running()


@cache
def _import_paths(more: str) -> list[str]:
    """Return where Python imports from, beside the folder of its script."""
    shown = [sys.executable, "-c", "import sys; print(*sys.path[1:], sep='\\n')"]
    environment = {**os.environ, "PYTHONPATH": more}
    return subprocess.check_output(shown, env=environment, text=True).splitlines()


def _run(
    words: tuple[str, ...],
    folder: Path,
    environment: dict[str, str],
    paths: list[str],
    out: Path,
    error: Path,
) -> None:
    """Become a run, in a process that was just forked."""
    multiprocessing.set_start_method(None, force=True)  # its own processes start as anybody's
    for number, path in ((1, out), (2, error)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
    sys.stdout = io.TextIOWrapper(io.FileIO(1, "w", closefd=False), "utf-8", write_through=True)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.dont_write_bytecode = "PYTHONDONTWRITEBYTECODE" in environment
    try:
        if words[0] == "-m":
            sys.argv, sys.path = list(words[1:]), [str(folder), *paths]
            runpy.run_module(words[1], run_name="__main__", alter_sys=True)
        else:
            sys.argv, sys.path = list(words), [str(Path(words[0]).parent.resolve()), *paths]
            runpy.run_path(words[0], run_name="__main__")
    except Exception:  # noqa: BLE001 - told as by the interpreter
        sys.excepthook(*sys.exc_info())
        sys.exit(1)
    finally:  # a process of multiprocessing ends without them
        threading._shutdown()
        atexit._run_exitfuncs()
