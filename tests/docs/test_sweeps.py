"""The page about sweeps, word for word: its manifest, its commands, what they print."""

import sys
from pathlib import Path

from tests.docs.tutorial_kit import PAGE, Follower

PROGRAMS = {
    "espnet3-compile": [sys.executable, "-m", "espnet3_compiler"],
    "python": [sys.executable, "-u"],
}


def test_the_page_about_sweeps_holds(tmp_path: Path):
    page = PAGE.with_name("sweeps.md")
    kinds = Follower(tmp_path, PROGRAMS, lambda _: None).follow(page)
    assert kinds == {"yaml", "diff", "console"}
