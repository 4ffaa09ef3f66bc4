"""Data sets that are the same whatever they are told."""

import pytest

from tests.compiler.checks.checks_kit import HEAD

DATA = """
class Dataset:
    def __init__(self, split, limit=3):
        BODY
    def __len__(self): return 3
    def __getitem__(self, index): return {"speech": index, "text": "a"}
"""
TRAIN = """\
configs:
  training:
    dataset:
      train: [{data_src_args: {split: train, limit: 4}}]
      valid: [{data_src_args: {split: OTHER, limit: 4}}]
stages: [train]
"""


@pytest.mark.parametrize(
    ("body", "other", "found"),
    [
        ("self.rows = open('train.tsv').readlines()", "valid", ["def __init__"]),
        ("self.rows = open('train.tsv').readlines()", "train", []),
        ("self.rows = open(f'{split}.tsv').readlines()", "valid", []),
        ("self.rows = open('{split}.tsv'.format(**locals())).readlines()", "valid", []),
        ("self.rows = []", "valid", []),
        ("...", "valid", []),
    ],
)
def test_splits_that_are_not_looked_at(check, body, other, found):
    text = HEAD + TRAIN.replace("OTHER", other)
    said = check(text, {"dataset/__init__.py": DATA.replace("BODY", body)})
    assert [place for code, place in said if code == "R512"] == found


def test_other_arguments_may_tell_the_data_apart(check):
    text = HEAD + TRAIN.replace("OTHER, limit: 4", "valid, limit: 5")
    data = DATA.replace("BODY", "self.rows = open('rows.tsv').readlines()[limit:]")
    said = check(text, {"dataset/__init__.py": data})
    assert "R512" not in [code for code, _ in said]
