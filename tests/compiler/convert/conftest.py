"""Recipes of ESPnet3: those of the wheel on PyPI, and a small one of our own."""

import json
import shutil
import subprocess
import sys
import zipfile
from functools import cache
from pathlib import Path

import pytest

from tests.compiler.convert.shapes_kit import Conversions, convert, write_shape
from tests.compiler.convert.shapes_table import SHAPES

WHEEL = ("--no-deps", "--python-version", "3.12", "--only-binary", ":all:", "espnet==202611")


@pytest.fixture(scope="session")
def espnet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where the wheel's files are, to be imported from; skip where pip cannot fetch it."""
    folder = tmp_path_factory.mktemp("espnet")
    pip = (sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--dest", str(folder))
    try:
        fetched = subprocess.run(
            [*pip, *WHEEL], capture_output=True, text=True, check=False, timeout=300
        )
    except subprocess.TimeoutExpired:
        pytest.skip("pip could not fetch espnet==202611 within five minutes")
    if fetched.returncode != 0:
        last = (fetched.stderr.strip().splitlines() or ["no reason given"])[-1]
        pytest.skip(f"pip cannot fetch espnet==202611: {last}")
    with zipfile.ZipFile(next(folder.glob("espnet-*.whl"))) as wheel:
        wheel.extractall(folder / "site")
    return folder / "site"


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """Return a small ESPnet3 recipe that uses what the shipped ones do not."""
    return copy(tmp_path)


def copy(folder: Path) -> Path:
    """Return a copy of the small recipe, in a tree as ESPnet3 lays it out."""
    source = Path(__file__).parent / "recipe"
    return Path(shutil.copytree(source, folder / "egs3" / "bells" / "esp2_asr"))


@pytest.fixture(scope="session")
def converted_bells(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict]]:
    """Return the small recipe after its conversion, and what the report says of its keys."""
    folder = copy(tmp_path_factory.mktemp("bells"))
    command = (sys.executable, "-m", "espnet3_compiler", "--from-espnet3", str(folder))
    done = subprocess.run(
        [*command, "--format", "json"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, done.stderr
    report = json.loads(done.stdout)
    assert report["clean"]
    return folder, listed_keys(report)


@pytest.fixture(scope="session")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Conversions:
    """Return what converts a shape by its name, each once."""

    @cache
    def convert_shape(name: str) -> tuple[Path, int, dict]:
        recipe = write_shape(SHAPES[name], name, tmp_path_factory.mktemp(name))
        return (recipe, *convert(recipe))

    return convert_shape


def listed_keys(report: dict) -> list[dict]:
    """Return the keys of all lists of a report, each with the name of its list."""
    lists = ("carried", "changed", "not_carried")
    return [{"list": name, **item} for name in lists for item in report[name]]
