"""The guides, word for word."""

import sys
from pathlib import Path

import pytest

from tests.docs.tutorial_kit import Reader

DOCS = Path(__file__).parents[2] / "docs"
PROGRAMS = {
    "espnet3-compile": [sys.executable, "-m", "espnet3_compiler"],
    "python": [sys.executable, "-u"],
}


def test_trackers_and_then_comparing(tmp_path: Path):
    reader = Reader(tmp_path, PROGRAMS, lambda _: None)
    assert reader.follow(DOCS / "guides" / "trackers.md") == {"console", "yaml"}
    again = [sys.executable, "-u", "build/run.py"]
    reader.programs = {**PROGRAMS, "again": again}
    reader.run("again", ["…", "nothing to do"])  # scores in the runs change no input of a training
    report = (reader.folder / "exp" / "recipe" / "report.html").read_text()
    assert "<code>tables/recipe/train_slow/version_0</code>" in report
    assert reader.follow(DOCS / "comparing.md") == {"console"}


@pytest.mark.parametrize("name", ["what_you_write"])
def test_a_recipe_of_its_own(tmp_path: Path, name: str):
    reader = Reader(tmp_path, PROGRAMS, lambda _: None)
    assert {"python", "yaml", "console"} <= reader.follow(DOCS / "guides" / f"{name}.md")
