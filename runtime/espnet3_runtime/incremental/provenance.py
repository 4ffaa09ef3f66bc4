"""The origin of a result: code version, packages, machine, command."""

import os
import platform
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from espnet3_runtime.process.redact import redact, redact_command, secret_values

if TYPE_CHECKING:
    from importlib import metadata

_GIT_SECONDS = 10


def collect_provenance(recipe_dir: Path) -> dict[str, Any]:
    """Return the facts of a receipt beside inputs and outputs, without secrets."""
    return {
        "git": git_state(recipe_dir),
        "packages": _installed_packages(),
        "python": platform.python_version(),
        "device": describe_device(),
        "host": platform.node(),
        "command": redact_command(sys.argv, secret_values()),
    }


@cache
def git_state(directory: Path) -> dict[str, Any]:
    """Return commit, branch, remote and whether files differ; empty outside of a repository."""
    if shutil.which("git") is None:
        return {}
    commit = _run_git(directory, "rev-parse", "HEAD")
    if commit is None:
        return {}
    changes = _run_git(directory, "status", "--porcelain", "--untracked-files=no")
    return {
        "commit": commit,
        "branch": _run_git(directory, "rev-parse", "--abbrev-ref", "HEAD"),
        "remote": redact(_run_git(directory, "config", "remote.origin.url") or "", ()) or None,
        "dirty": bool(changes),
    }


@cache
def _installed_packages() -> dict[str, str]:
    """Return the versions of all installed distributions."""
    return {name: found.version for name, found in sorted(installed_distributions().items())}


class Installed(NamedTuple):
    """An installed distribution: each look at its own name or version reads a file again."""

    name: str
    version: str
    distribution: "metadata.Distribution"


def installed_distributions() -> dict[str, Installed]:
    """Return the distributions by name; of two of one name that which is imported."""
    from importlib import metadata

    found = map(_read_distribution, reversed([*metadata.distributions()]))
    return {each.name: each for each in found if each}


def _read_distribution(found: "metadata.Distribution") -> Installed | None:
    """Return a distribution with its name; an incomplete ``.dist-info`` has none."""
    from email import message_from_string

    files = (found.read_text(name) for name in ("METADATA", "PKG-INFO", ""))  # "": an .egg-info
    head, _, _ = (next(filter(None, files), None) or "").partition("\n\n")
    about = message_from_string(head)  # a description may be long
    name: str | None = about.get("Name")
    return Installed(name, about["Version"], found) if name else None


def describe_device() -> str:
    """Return the GPUs or the processor, without importing torch for it."""
    torch = sys.modules.get("torch")
    cuda = getattr(torch, "cuda", None)
    try:
        if cuda is not None and cuda.is_available():
            return f"{cuda.device_count()} x {cuda.get_device_name(0)}"
    except (RuntimeError, AssertionError):
        pass
    return (
        f"{_processor_name()}, {len(os.sched_getaffinity(0)) if _LINUX else os.cpu_count()} cores"
    )


_LINUX = hasattr(os, "sched_getaffinity")


@cache
def _processor_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def _run_git(directory: Path, *arguments: str) -> str | None:
    command = ["git", "-C", str(directory), *arguments]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_GIT_SECONDS, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
