"""Plant one fault in a copy of the repository, and run the tests that could notice."""

import os
import shutil
import signal
import subprocess
import sys
import time
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from evaluation.faults.model import PACKAGES, ROOT, Fault
from evaluation.recipes import GENERATED

KEPT = ("compiler", "runtime", "schemas", "tests", "recipes", "docs", "evaluation", "benchmarks")
FILES = (
    "pyproject.toml",
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "Makefile",
)


@dataclass(frozen=True)
class Trial:
    """What became of a fault.

    Attributes:
        fault: The fault.
        end: "killed", "survived", "hung" (which counts as noticed: a test reached its time limit),
            or "untested" where no test runs the line.
        tried: How many tests ran at most, of how many that run the line.
        covering: How many tests run the line.
        seconds: How long it took.
        test: The first test that failed.
    """

    fault: Fault
    end: str
    tried: int
    covering: int
    seconds: float
    test: str = ""


def copy_repository(root: Path) -> None:
    """Copy what the tests need."""
    for name in KEPT:
        ignore = GENERATED if name == "recipes" else shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, root / name, ignore=ignore, symlinks=True)
    for name in (*FILES, ".ci", ".git", ".pre-commit-hooks.yaml", ".gitignore", "constraints.txt"):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, root / name, symlinks=True)
        elif source.exists():
            shutil.copy(source, root / name)


def make_environment(root: Path) -> None:
    """Give the copy an environment of its own, in which its packages come before the installed."""
    venv.create(root / ".venv", symlinks=True)
    (packages,) = (root / ".venv").glob("lib/python*/site-packages")
    own = [str(root / Path(package).parent) for package in PACKAGES]
    lines = [*own, *(path for path in sys.path if path.endswith("site-packages"))]
    (packages / "faults.pth").write_text("\n".join(lines) + "\n", encoding="utf-8")
    for script in Path(sys.executable).parent.iterdir():
        if script.is_file() and script.read_bytes()[:2] == b"#!":
            body = script.read_bytes().partition(b"\n")[2]
            copy = root / ".venv" / "bin" / script.name
            copy.write_bytes(f"#!{_python(root)}\n".encode() + body)
            copy.chmod(0o755)


def attempt(
    fault: Fault, tests: Sequence[str], covering: int, root: Path, limit: float, sound: set[str]
) -> Trial:
    """Run tests against a fault in a copy of the repository, and mend the copy again.

    A test that fails without the fault, too, is left out; ``sound`` collects those that do not.
    """
    began, left = time.monotonic(), list(tests)
    while left:
        try:
            fault.plant(root)
            end, test = _run(left, root, limit)
        finally:
            shutil.copy(ROOT / fault.file, root / fault.file)
        if end != "killed" or test in sound or _run([test], root, limit)[0] == "survived":
            sound.add(test)
            return Trial(fault, end, len(left), covering, time.monotonic() - began, test)
        left.remove(test)
    return Trial(fault, "untested", 0, covering, time.monotonic() - began)


def _run(tests: Sequence[str], root: Path, limit: float) -> tuple[str, str]:
    """Return "killed", "survived" or "hung", and the first test that failed."""
    names = root / "chosen_tests"
    names.write_text("\n".join(tests) + "\n", encoding="utf-8")
    command = [_python(root), "-m", "pytest", "-x", "-q", "--no-header", "--tb=line"]
    command += ["-p", "no:cacheprovider", f"@{names}"]
    with subprocess.Popen(
        command,
        cwd=root,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as process:
        try:
            output, _ = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return "hung", ""
    if process.returncode == 0:
        return "survived", ""
    failed = [line for line in output.splitlines() if line.startswith(("FAILED ", "ERROR "))]
    name = failed[0].partition(" ")[2].partition(" - ")[0] if failed else ""
    return "killed", name if name in tests else tests[0]


def _python(root: Path) -> str:
    return str(root / ".venv" / "bin" / "python")
