"""The tutorial, word for word: its files, its commands, what they print."""

import sys
from pathlib import Path

import pytest
import yaml

from tests.docs.tutorial_kit import Follower, blocks

PROGRAMS = {
    "espnet3-compile": [sys.executable, "-m", "espnet3_compiler"],
    "python": [sys.executable, "-u"],
}
OTHER_EXTRAS = ("soundfile", "sentencepiece", "jiwer", "espeakng_loader", "dask", "gradio")
LONGEST = 15


def installed(text: str) -> None:
    """Accept what the tests have already; ``.ci/test_wheel.py`` does it."""
    assert text == "pip install '.[runtime]'\n"


@pytest.mark.timeout(900)
def test_the_page_holds_on_a_new_machine(tmp_path: Path):
    home = tmp_path / ".extras"
    home.mkdir()
    for module in OTHER_EXTRAS:  # the page installs the extra "runtime" alone
        (home / f"{module}.py").write_text(
            f'raise ModuleNotFoundError("left out", name="{module}")\n'
        )
    kinds = Follower(tmp_path, PROGRAMS, installed, PYTHONPATH=str(home)).follow()
    assert kinds == {"sh", "python", "yaml", "diff", "console"}


def test_the_manifest_is_short():
    text = next(text for kind, name, text in blocks() if name == "recipe.yaml" and kind == "yaml")
    assert len(text.splitlines()) <= LONGEST
    assert yaml.safe_load(text)["models"]["own"]["_target_"] == "src.model.MyModel"
