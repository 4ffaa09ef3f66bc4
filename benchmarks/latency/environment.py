"""A virtual environment that holds the tools under test and no torch."""

import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator, Sequence
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path, PurePosixPath

from packaging.requirements import Requirement

SOURCES = ("compiler/espnet3_compiler", "runtime/espnet3_runtime", "schemas/espnet3_schemas")
ROOT = Path(__file__).parents[2]
SKIPPED = shutil.ignore_patterns("__pycache__")


def make_environment(directory: Path, tools: Sequence[str]) -> Path:
    """Make an environment of this Python and return its interpreter.

    Our packages are copied from this working tree, everything else from the environment that runs
    the benchmark, so all are measured in the same place: a short ``sys.path``, byte code ready.

    Args:
        directory: Where to make it.
        tools: Distributions to install beside ours, with what they need.
    """
    venv.create(directory, symlinks=True, with_pip=False)
    python = directory / "bin" / "python"
    command = [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    target = Path(
        subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    )
    for source in SOURCES:
        shutil.copytree(ROOT / source, target / Path(source).name, ignore=SKIPPED)
    for found in _closure(("pyyaml", "jsonschema", "jinja2", "msgspec", *tools)):
        _copy(found, target)
    subprocess.run([python, "-m", "compileall", "-q", target], check=True, capture_output=True)
    return python


def is_installed(tool: str) -> bool:
    """Return whether a distribution can be copied from here."""
    try:
        distribution(tool)
    except PackageNotFoundError:
        return False
    return True


def _closure(names: Sequence[str]) -> Iterator[Distribution]:
    """Yield distributions and what they need on this machine, each once."""
    seen: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop().lower().replace("_", "-")
        if name in seen:
            continue
        seen.add(name)
        found = distribution(name)
        yield found
        needs = [Requirement(line) for line in found.requires or ()]
        waiting += [n.name for n in needs if n.marker is None or n.marker.evaluate({"extra": ""})]


def _copy(found: Distribution, target: Path) -> None:
    for file in found.files or ():
        if ".." in PurePosixPath(file).parts or "__pycache__" in file.parts:
            continue  # scripts, which name another interpreter; byte code, which is made anew
        copy = target / file
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(str(found.locate_file(file)), copy)


if __name__ == "__main__":
    print(make_environment(Path(sys.argv[1]), sys.argv[2:]))
