"""The same input gives the same bytes, whatever the process, and nothing private is written."""

import getpass
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import espnet3_compiler
import espnet3_schemas
from tests.compiler.recipe_kit import GOLDEN, copy, run, texts

BORROWED = {
    **os.environ,
    "PYTHONPATH": os.pathsep.join(
        str(Path(module.__file__).parents[1]) for module in (espnet3_compiler, espnet3_schemas)
    ),
    "PYTHONDONTWRITEBYTECODE": "1",
}
CONSTRAINTS = GOLDEN.parents[1] / "constraints.txt"
RECIPES = sorted(path.parent.name for path in GOLDEN.glob("*/recipe.yaml"))


def built(folder: Path, name: str, **environment: str) -> dict[str, bytes]:
    """Compile a copy of a golden recipe in a process of its own."""
    manifest = copy(name, folder / "recipe")
    shutil.rmtree(manifest.parent / "build")
    words = ["-m", "espnet3_compiler", os.path.relpath(manifest, folder)]
    result = run(*words, cwd=folder, env={**os.environ, **environment})
    assert result.returncode == 0, result.stderr
    return texts(manifest.parent / "build")


@pytest.mark.parametrize("name", RECIPES)
def test_hash_seeds_directories_and_locales_change_nothing(tmp_path: Path, name: str) -> None:
    expected = texts(GOLDEN / name / "build")
    variations = [
        {"PYTHONHASHSEED": "1", "LC_ALL": "C", "PYTHONUTF8": "0"},
        {"PYTHONHASHSEED": "4242", "TZ": "Asia/Tokyo", "COLUMNS": "20"},
    ]
    for number, variation in enumerate(variations):
        folder = tmp_path / f"somewhere else {number}" / "é"
        folder.mkdir(parents=True)
        assert built(folder, name, **variation) == expected


@pytest.mark.parametrize("name", RECIPES)
def test_no_private_facts_in_a_build(name: str) -> None:
    text = b"\n".join(texts(GOLDEN / name / "build").values()).decode()
    for fact in (str(GOLDEN), str(Path.home()), socket.gethostname(), f"user {getpass.getuser()}"):
        assert fact not in text


def other_pythons() -> list[str]:
    """Return the other supported Pythons that are at hand."""
    versions = [v for v in ("3.11", "3.12", "3.13") if v != f"3.{sys.version_info[1]}"]
    found = [shutil.which(f"python{version}") for version in versions]
    pyenv = Path.home() / ".pyenv/versions"
    found += [str(path) for v in versions for path in pyenv.glob(f"{v}*/bin/python{v}")]
    return [path for path in found if path]


def with_libraries(python: str, folder: Path) -> str | None:
    """Return another Python that can import our libraries; of some each Python needs its own."""
    command = [python, "-c", "import yaml, jsonschema, jinja2, msgspec"]
    if subprocess.run(command, env=BORROWED, capture_output=True, check=False).returncode == 0:
        return python
    venv = subprocess.run([python, "-m", "venv", folder], capture_output=True, check=False)
    if venv.returncode != 0:
        return None
    own = str(folder / "bin/python")
    constraints = ["--constraint", GOLDEN.parents[1] / "constraints.txt"]
    install = [
        own,
        "-m",
        "pip",
        "install",
        "--quiet",
        *constraints,
        "pyyaml",
        "jsonschema",
        "jinja2",
        "msgspec",
    ]
    return (
        own if subprocess.run(install, capture_output=True, check=False).returncode == 0 else None
    )


def test_another_python_gives_the_same_bytes(tmp_path: Path) -> None:
    found = [with_libraries(p, tmp_path / f"venv{n}") for n, p in enumerate(other_pythons())]
    pythons = [python for python in found if python]
    if not pythons:
        pytest.skip("there is no other supported Python, or no package index for its libraries")
    for number, python in enumerate(pythons):
        manifest = copy("pipeline", tmp_path / str(number))
        shutil.rmtree(manifest.parent / "build")
        command = [python, "-m", "espnet3_compiler", manifest]
        result = subprocess.run(command, env=BORROWED, capture_output=True, text=True, check=False)
        assert result.returncode == 0, f"{python}: {result.stderr}"
        assert texts(manifest.parent / "build") == texts(GOLDEN / "pipeline/build"), python
