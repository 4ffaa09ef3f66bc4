"""Run the probe in a process of its own, with limits of time and memory."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, BinaryIO

from msgspec import Struct

PROBE_MODULE = "espnet3_runtime.deep"
REQUIRED_PACKAGES = ("espnet3_runtime", "torch", "numpy")
MAX_COMPLAINT = 2000
PROBE_ENVIRONMENT = {
    # nothing is downloaded, no GPU is touched, one core is enough, no bytecode in the recipe,
    # nothing is compiled for a few batches
    "CUDA_VISIBLE_DEVICES": "",
    "HF_HUB_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "TORCHDYNAMO_DISABLE": "1",
    "WANDB_MODE": "offline",
}


class ProbeLimits(Struct, frozen=True):
    """How long the probe of one recipe may take, in seconds, and its memory, in bytes."""

    seconds: float = 120.0
    memory: int = 8 << 30


class ProbeResult(Struct, frozen=True):
    """The output of the probe.

    Attributes:
        lines: Its answers, in order.
        ended: Whether it finished.
        timed_out: Whether it was stopped because its time was up.
        code: Its exit code; negative for a signal.
        complaint: The end of its output on stderr.
    """

    lines: tuple[Mapping[str, Any], ...]
    ended: bool
    timed_out: bool
    code: int | None
    complaint: str


def missing_packages() -> tuple[str, ...]:
    """Return the packages that the probe needs and that are not installed, without importing."""
    return tuple(name for name in REQUIRED_PACKAGES if find_spec(name) is None)


def run_probe(request: Mapping[str, Any], limits: ProbeLimits) -> ProbeResult:
    """Run the probe on a recipe.

    Its outputs go to files, so that a process that user code leaves behind blocks nothing.
    """
    with tempfile.TemporaryDirectory(prefix="espnet3-deep-") as folder:
        directory = Path(folder)
        (directory / "request.json").write_text(json.dumps(request), encoding="utf-8")
        with (directory / "out").open("w+b") as out, (directory / "err").open("w+b") as err:
            code, timed_out = _run_process(directory, out, err, limits)
            lines = tuple(_parse_lines(_read_output(out).splitlines()))
            ended = any(line["kind"] == "end" for line in lines)
            return ProbeResult(lines, ended, timed_out, code, _read_output(err)[-MAX_COMPLAINT:])


def _run_process(
    directory: Path, out: BinaryIO, err: BinaryIO, limits: ProbeLimits
) -> tuple[int | None, bool]:
    # -P: the working directory is not on the path before the probe knows its request
    command = [sys.executable, "-P", "-m", PROBE_MODULE, str(directory / "request.json")]
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=err,
        cwd=directory,
        env={**os.environ, **PROBE_ENVIRONMENT, "TMPDIR": str(directory)},
        start_new_session=True,
    )
    try:
        return process.wait(limits.seconds), False
    except subprocess.TimeoutExpired:
        return None, True
    finally:
        _kill_process(process)


def _kill_process(process: subprocess.Popen[bytes]) -> None:
    """Kill the process and the processes that it started."""
    try:
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    except (ProcessLookupError, PermissionError):
        pass
    process.wait()


def _read_output(file: BinaryIO) -> str:
    file.seek(0)
    return file.read().decode("utf-8", "replace")


def _parse_lines(texts: Iterable[str]) -> Iterable[Mapping[str, Any]]:
    for text in texts:
        try:
            line = json.loads(text)
        except ValueError:  # cut off
            continue
        if isinstance(line, dict) and "kind" in line:
            yield line
