"""The engines that are compared: how each is written, run for the first time, and asked again."""

import subprocess
import sys
import venv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.skip.recipe import write_dvc, write_ours, write_snakemake

Command = tuple[str, ...]


@dataclass(frozen=True)
class Engine:
    """One engine.

    Attributes:
        name: For the table.
        package: What must be installed; empty for ours.
        write: Writes a recipe of so many stages into a directory.
        first: Commands that run all stages.
        again: The command that settles that nothing is to do.
        settled: What it then prints.
    """

    name: str
    package: str
    write: Callable[[Path, int], None]
    first: Callable[[Path], tuple[Command, ...]]
    again: Callable[[Path], Command]
    settled: str


ENGINES = (
    Engine(
        "espnet3-compile",
        "",
        write_ours,
        lambda _: (
            (sys.executable, "-m", "espnet3_compiler", "recipe.yaml"),
            (sys.executable, "build/run.py"),
        ),
        lambda _: (sys.executable, "build/run.py"),
        "nothing to do",
    ),
    Engine(
        "DVC",
        "dvc",
        write_dvc,
        lambda bin_: (
            (str(bin_ / "dvc"), "init", "--no-scm", "-q"),
            (str(bin_ / "dvc"), "repro", "-q"),
        ),
        lambda bin_: (str(bin_ / "dvc"), "repro"),
        "up to date",
    ),
    Engine(
        "Snakemake",
        "snakemake",
        write_snakemake,
        lambda bin_: ((str(bin_ / "snakemake"), "-c1", "-q"),),
        lambda bin_: (str(bin_ / "snakemake"), "-c1"),
        "Nothing to be done",
    ),
)


def installed(package: str, directory: Path) -> bool:
    """Say whether an engine's program is in a directory."""
    return (directory / package).is_file()


def install(directory: Path, packages: list[str]) -> Path:
    """Make a throw-away environment with the other engines; return where its programs are."""
    venv.create(directory, with_pip=True)
    pip = (directory / "bin" / "python", "-m", "pip", "install", "--quiet")
    for package in packages:
        done = subprocess.run([*pip, package], check=False, capture_output=True, text=True)
        if done.returncode:
            print(f"left out: {package} cannot be installed: {done.stderr.strip()[-200:]}")
    return directory / "bin"
