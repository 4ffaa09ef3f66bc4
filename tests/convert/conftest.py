"""Recipes of ESPnet3: those of the wheel on PyPI, and a small one of our own."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

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
    source = Path(__file__).parent / "recipe"
    return Path(shutil.copytree(source, tmp_path / "egs3" / "bells" / "esp2_asr"))
