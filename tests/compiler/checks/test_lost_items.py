"""Transforms and data sets that give None in place of some items."""

import textwrap

import pytest

from tests.compiler.checks.checks_kit import HEAD

TRAIN = """\
configs:
  training:
    dataset:
      train: [{data_src_args: {split: t}, transform: {_target_: src.drop.Drop, limit: 3}}]
stages: [train]
"""
TRANSFORM = """
class Drop:
    def __init__(self, limit): self.limit, self.table = limit, {}
    def __call__(self, sample):
"""
DATA = """
class Dataset:
    def __init__(self, split): self.rows, self.split = [split], split
    def __len__(self): return len(self.rows)
    def __getitem__(self, index):
"""
WHOLE = '        return {"speech": index, "text": ""}\n'


@pytest.fixture
def found(check):
    """Return a function that gives the places of R428 with the bodies of two methods."""

    def run(transform="return sample", item=""):
        body = textwrap.indent(item, " " * 8) + "\n" if item else WHOLE
        drop = TRANSFORM + textwrap.indent(transform, " " * 8) + "\n"
        files = {"src/drop.py": drop, "dataset/__init__.py": DATA + body}
        return [place for code, place in check(HEAD + TRAIN, files) if code == "R428"]

    return run


@pytest.mark.parametrize(
    ("body", "places"),
    [
        ("if len(sample['speech']) > self.limit:\n    return None\nreturn sample", ["return"]),
        ("if len(sample['speech']) > 3: return\nreturn sample", ["return"]),
        ("text = sample['text'].strip()\nif text == '': return\nreturn sample", ["return"]),
        ("return sample if sample['text'] in 'ab' else None", ["return"]),
        ("if sample['text'].startswith('#'):\n    return sample\nreturn None", ["return"]),
        ("if sample['text'] in self.table:\n    return sample", ["if"]),
        (
            "if self.limit < 0: raise ValueError\nif len(sample) > 1: return\nreturn sample",
            ["return"],
        ),
        ("if sample is None: return None\nreturn sample", []),
        ("if sample.get('text') is None: return None\nreturn sample", []),
        ("if not isinstance(sample['text'], str): return None\nreturn sample", []),
        ("if 'text' not in sample: return None\nreturn sample", []),
        ("if not sample.get('text'): return None\nreturn sample", []),
        ("if self.limit > 3: return None\nreturn sample", []),
        ("if self.limit and sample['n'] > self.limit: return None\nreturn sample", []),
        ("if self.limit: return sample\nreturn None", []),
        ("try:\n    return self.table[sample['n']]\nexcept KeyError:\n    return None", []),
        ("for one in sample['speech']:\n    if one > 3: return sample\nreturn None", []),
        ("if sample['n'] > 3: raise ValueError\nreturn sample", []),
        ("if sample['n'] > 3: return sample\nelse: return {**sample, 'n': 0}", []),
        (
            "def pick(x):\n    if x['n']: return None\n    return x\nreturn pick(sample) or sample",
            [],
        ),
    ],
)
def test_a_transform(found, body, places):
    assert found(body) == places


@pytest.mark.parametrize(
    ("body", "places"),
    [
        (
            "row = self.rows[index]\nif len(row) < 3: return None\nreturn {'speech': row}",
            ["return"],
        ),
        ("if index >= len(self.rows): return None\nreturn {'speech': index}", []),
        (
            "if self.split == 't': return {'speech': index}\nif self.split == 'v': return {'n': 1}",
            [],
        ),
        ("row = self.rows[index]\nif not row: return None\nreturn {'speech': row}", []),
    ],
)
def test_a_dataset(found, body, places):
    assert found(item=body) == places
