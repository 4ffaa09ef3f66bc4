"""Runs of ``build/run.py`` that can be killed: forked from a process that has torch already.

A fork starts in milliseconds where a fresh interpreter takes seconds, which is what makes hundreds
of kills affordable; some runs are fresh interpreters all the same (:func:`start_cold`).
"""

import contextlib
import fcntl
import importlib
import multiprocessing.util
import os
import runpy
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

MODULES = (
    *("torch", "lightning.pytorch", "torch.utils.data", "torch.utils.tensorboard", "numpy"),
    *("sentencepiece", "soundfile", "safetensors.torch", "espeakng_loader", "tqdm", "yaml"),
    *("espnet3_compiler.cli.main", "espnet3_compiler.recompile", "espnet3_runtime.launch"),
    *("espnet3_runtime.launch.session", "espnet3_runtime.training.checkpoints"),
    *("espnet3_runtime.training.trainer", "espnet3_runtime.training.progress"),
    *("espnet3_runtime.inference.decode", "espnet3_runtime.publication.pack"),
    *("espnet3_runtime.metrics.score", "espnet3_runtime.report"),
    *("espnet3_runtime.stages.collect_stats", "espnet3_runtime.stages.train"),
)


@dataclass
class Run:
    """A running process, the first of its own session and group.

    Attributes:
        pid: Its number.
        output: The pipe that it prints into; a file would fall under the limits that are tried.
        status: As ``os.waitpid`` tells it, once it has ended.
    """

    pid: int
    output: int
    status: int | None = None
    _text: str = ""

    def ended(self) -> bool:
        """Say whether it has ended."""
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.status = status if pid else None
        return self.status is not None

    def wait(self, seconds: float) -> bool:
        """Wait for its end; False when it takes longer."""
        deadline = time.monotonic() + seconds
        while not self.ended():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.002)
        return True

    @property
    def text(self) -> str:
        """What it has printed so far."""
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self.output, 1 << 16):
                self._text += data.decode(errors="replace")
        return self._text

    def close(self) -> None:
        """Read what is left, and close the pipe."""
        _ = self.text
        os.close(self.output)
        self.output = os.open(os.devnull, os.O_RDONLY)

    @property
    def code(self) -> int:
        """The exit code, or minus the signal that killed it."""
        assert self.status is not None
        return os.waitstatus_to_exitcode(self.status)

    def end_all(self) -> None:
        """End what is left of its group."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        if self.status is None:
            self.wait(10)


def import_everything() -> None:
    """Import what stages need, so that forks have it."""
    for module in MODULES:
        importlib.import_module(module)


def fork(work: Callable[[], int]) -> Run:
    """Fork a child that does some work and exits with the code that it returns."""
    sys.stdout.flush()
    sys.stderr.flush()
    reader, writer = _pipe()
    pid = os.fork()
    if pid == 0:
        code = 99
        try:
            os.setsid()
            _redirect(writer)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            signal.signal(signal.SIGHUP, signal.SIG_DFL)  # nohup has it ignored
            code = work()
            multiprocessing.util._exit_function()  # noqa: SLF001 - what the interpreter would do
            threading._shutdown()  # noqa: SLF001
        except SystemExit as error:
            code = int(error.code or 0)
        except BaseException:  # noqa: BLE001 - told by its exit code
            sys.excepthook(*sys.exc_info())
        finally:
            with contextlib.suppress(OSError):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(code)
    os.close(writer)
    return Run(pid, reader)


def run_build(recipe: Path, arguments: Sequence[str]) -> int:
    """Run ``build/run.py`` in this process, as its main program."""
    script = recipe / "build" / "run.py"
    os.chdir(recipe)
    sys.argv = [str(script), *arguments]
    sys.path.insert(0, str(script.parent))
    try:
        runpy.run_path(str(script), run_name="__main__")
    except SystemExit as error:
        return int(error.code or 0)
    return 0


def start_cold(recipe: Path, arguments: Sequence[str]) -> Run:
    """Start ``build/run.py`` in a fresh interpreter."""
    reader, writer = _pipe()
    process = subprocess.Popen(
        [sys.executable, str(recipe / "build" / "run.py"), *arguments],
        cwd=recipe,
        stdin=subprocess.DEVNULL,
        stdout=writer,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    os.close(writer)
    process.returncode = 0  # it is waited for here, not by its destructor
    return Run(process.pid, reader)


def members(session: int) -> list[int]:
    """Return the living processes of a session but its first."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal() or int(entry.name) == session:
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(int(entry.name))
    return found


def command(pid: int) -> str:
    """Return the command line of a process."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def _pipe() -> tuple[int, int]:
    """Return both ends of a pipe that holds all that a run prints, so that nobody need empty it."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 1 << 20)
    os.set_blocking(reader, False)
    return reader, writer


def _redirect(target: int) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(target, 1)
    os.dup2(target, 2)
    os.close(target)
    os.close(nothing)
