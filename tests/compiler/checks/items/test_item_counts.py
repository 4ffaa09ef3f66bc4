"""Data sets that count other items than they have."""

import pytest

from tests.compiler.checks.checks_kit import HEAD

DATA = """
import csv
import glob
from pathlib import Path

class Dataset:
    def __init__(self, split):
        self.root = Path("data") / split
        rows = [line for line in open(split)]
        self.rows = ROWS
    def __len__(self):
        return LENGTH
    def __getitem__(self, index):
        row = ITEM
        return {"speech": self.read(row), "text": "a"}
"""
TRAIN = """\
configs:
  training: {dataset: {train: [{data_src_args: {split: t}}]}}
stages: [train]
"""


def places(check, rows="rows[:8]", length="len(self.rows)", item="self.rows[index]"):
    data = DATA.replace("ROWS", rows).replace("LENGTH", length).replace("ITEM", item)
    found = check(HEAD + TRAIN, {"dataset/__init__.py": data})
    return [place for code, place in found if code == "R428"]


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ({"length": "len(self.rows) + 1"}, "len(self.rows) + 1"),
        ({"item": "self.rows[index + 1]"}, "self.rows[index + 1]"),
        ({"length": "self.rows"}, "self.rows"),
        ({"length": "len(self.rows) / 2"}, "len(self.rows) / 2"),
        ({"rows": "csv.DictReader(open(split))"}, "csv.DictReader(open(split))"),
        ({"rows": "self.root.glob('*.wav')"}, "self.root.glob('*.wav')"),
        ({"rows": "Path(split).iterdir()"}, "Path(split).iterdir()"),
        ({"rows": "(row for row in rows)"}, "(row for row in rows)"),
        ({"rows": "map(str, rows)"}, "map(str, rows)"),
    ],
)
def test_items_that_are_not_there(check, given, place):
    assert places(check, **given) == [place]


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"length": "len(self.rows) - 1", "item": "self.rows[index + 1]"},
        {"length": "len(self.rows) // 2", "item": "self.rows[2 * index]"},
        {"length": "len(self.rows) + 1", "item": "self.other(index)"},
        {"length": "len(self.part.rows) + 1"},
        {"length": "len(self.part.rows)", "rows": "map(str, rows)"},
        {"rows": "self.read(rows)", "item": "self.rows[index + 1]"},
        {"item": "self.rows[(index + 1) % len(self.rows)]"},
        {"item": "self.rows[index + 1] if index + 1 < len(self.rows) else None"},
        {"item": "[self.rows[index + 1] for k in [1] if index + k < len(self.rows)]"},
        {"rows": "list(csv.DictReader(open(split)))"},
        {"rows": "sorted(self.root.glob('*.wav'))"},
        {"rows": "glob.glob(split)"},
        {"rows": "split.glob('*.wav')"},
        {"rows": "self.read(split)", "length": "self.rows"},
    ],
)
def test_items_that_may_be_there(check, given):
    assert places(check, **given) == []
