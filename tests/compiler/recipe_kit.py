"""Small recipes written into a temporary directory."""

import shutil
import subprocess
import sys
from pathlib import Path

from espnet3_compiler.cli import main

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden"
MINIMAL = (GOLDEN / "minimal" / "recipe.yaml").read_text("utf-8")


def minimal(folder: Path, *, old: str = "", new: str = "") -> Path:
    """Write the minimal manifest, one text in it replaced, and return its path."""
    assert old in MINIMAL
    folder.mkdir(parents=True, exist_ok=True)
    manifest = folder / "recipe.yaml"
    manifest.write_text(MINIMAL.replace(old, new), "utf-8")
    return manifest


def copy(name: str, folder: Path) -> Path:
    """Copy a golden recipe with its build and return its manifest."""
    shutil.copytree(GOLDEN / name, folder, ignore=shutil.ignore_patterns("__pycache__"))
    return folder / "recipe.yaml"


def run(
    *words: object, cwd: Path | None = None, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run Python with arguments."""
    command = [sys.executable, *map(str, words)]
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)


def texts(folder: Path) -> dict[str, bytes]:
    """Return the files below a directory."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


def call(*words: object) -> int:
    """Call the command line in this process; return its exit code."""
    try:
        return main.main([str(word) for word in words])
    except SystemExit as exit_:  # argparse
        return int(exit_.code or 0)
