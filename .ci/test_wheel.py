"""The wheel, as users get it: built from a clone, installed alone, the tutorial run from it."""

import shlex
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.docs.tutorial_kit import Reader

ROOT = Path(__file__).parents[1]
PACKAGES = {
    "espnet3_compiler": ROOT / "compiler",
    "espnet3_runtime": ROOT / "runtime",
    "espnet3_schemas": ROOT / "schemas",
}


def run(*command: str | Path, folder: Path) -> str:
    """Run a command, which must succeed, and return what it printed."""
    done = subprocess.run(command, cwd=folder, text=True, stdout=subprocess.PIPE, check=True)
    return done.stdout


@pytest.mark.timeout(1800)
def test_the_tutorial_runs_from_the_wheel(tmp_path: Path) -> None:
    run("git", "clone", "--quiet", ROOT, "clone", folder=tmp_path)
    run(sys.executable, "-m", "venv", "venv", folder=tmp_path)
    programs = tmp_path / "venv" / "bin"
    run(
        *(programs / "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", ".", "./clone"),
        folder=tmp_path,
    )
    (wheel,) = tmp_path.glob("*.whl")
    assert names_in(wheel) == files_of_packages()
    read = tmp_path / "somewhere else"
    read.mkdir()

    def install(text: str) -> None:
        """Do as the page says, with the wheel in the place of the clone."""
        command, word, what = shlex.split(text)
        assert (command, word, what[0]) == ("pip", "install", ".")
        constraints = ("--constraint", ROOT / "constraints.txt")
        run(programs / "pip", word, "--quiet", f"{wheel}{what[1:]}", *constraints, folder=read)

    path = f"{programs}:/usr/bin:/bin"
    Reader(read, {}, install, PATH=path, PYTHONUNBUFFERED="1").follow()
    for name in PACKAGES:
        shown = run(
            programs / "python", "-c", f"import {name} as m; print(m.__file__)", folder=read
        )
        assert Path(shown.strip()).is_relative_to(tmp_path / "venv")


def names_in(wheel: Path) -> set[str]:
    """Return the files in a wheel without those that describe it."""
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if ".dist-info/" not in name}


def files_of_packages() -> set[str]:
    """Return the files of our packages that git knows."""
    return {
        name
        for package, folder in PACKAGES.items()
        for name in run("git", "ls-files", package, folder=folder).splitlines()
    }
