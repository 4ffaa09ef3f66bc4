"""Ctrl-C while a command still imports what it needs, and readers that go away."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.runtime.toy import Toy, chain

RUN = ("build/run.py", "--force")
CHECK = ("-m", "espnet3_compiler", "--check", "recipe.yaml")
TRANSCRIBE = ("-m", "espnet3_runtime.publication.transcribe", "src", "speech.wav")
IMPORTS = [
    *((RUN, name) for name in ("pathlib", "yaml", "espnet3_runtime.launch.main")),
    *((CHECK, name) for name in ("argparse", "espnet3_compiler.cli.main", "yaml", "jsonschema")),
    *((TRANSCRIBE, name) for name in ("argparse", "numpy._core.multiarray", "torch._utils")),
]


@pytest.fixture
def recipe(tmp_path: Path) -> Toy:
    return chain(tmp_path / "recipe")


@pytest.mark.parametrize(("command", "module"), IMPORTS)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_while_it_imports(
    recipe: Toy, command: tuple[str, ...], module: str, number: int
) -> None:
    """Python says which module it has just imported; then the signal comes."""
    process = subprocess.Popen(
        [sys.executable, "-X", "importtime", *command],
        cwd=recipe.directory,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.rpartition("|")[2].strip() == module:
            process.send_signal(number)
            break
    rest = [line for line in process.stderr if not line.startswith("import time:")]
    assert process.wait(timeout=60) in (128 + number, -number), rest
    assert "Traceback" not in "".join(rest)


@pytest.mark.parametrize(
    "command",
    [RUN, ("build/run.py", "--list"), CHECK, ("-m", "espnet3_compiler", "--explain", "R502")],
)
@pytest.mark.parametrize("redirection", ["| true", "| head -1", ">&-", ">&- 2>&-", "2>&1 | true"])
def test_nobody_reads_a_command(recipe: Toy, command: tuple[str, ...], redirection: str) -> None:
    done = subprocess.run(
        ["bash", "-c", f'"$@" {redirection}', "bash", sys.executable, *command],
        cwd=recipe.directory,
        env={**os.environ, "PYTHONUNBUFFERED": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr
    assert "Exception ignored" not in done.stderr
