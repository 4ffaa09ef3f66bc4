"""The table at the end of a run."""

import re
from pathlib import Path

from tests.runtime.toy import chain


def table(output: str) -> str:
    """Return the table with every duration as ``0.1 s``."""
    shown = output.partition("\n\n")[2].partition("\n  report")[0]
    return re.sub(r"\d\.\d s", "0.1 s", shown)


def test_the_table_says_what_each_stage_did(tmp_path: Path) -> None:
    toy = chain(tmp_path / "recipe").write()
    first = toy.python("--stages", "first", "second")
    assert table(first.stdout) == (
        "  stage   status  time   made\n"
        "  first   done    0.1 s  exp/toy/first/number.txt\n"
        "  second  done    0.1 s  exp/toy/second/number.txt"
    )
    again = toy.python("--stages", "all")
    assert table(again.stdout) == (
        "  stage   status      time   made\n"
        "  first   up to date  -      exp/toy/first/number.txt\n"
        "  second  up to date  -      exp/toy/second/number.txt\n"
        "  third   done        0.1 s  exp/toy/third/number.txt"
    )
