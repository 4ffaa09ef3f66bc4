"""Fields of batches, texts and metrics, beside a data set that has columns."""

import pytest

from tests.compiler.checks.checks_kit import HEAD

DATA = """
import csv

COLUMNS = ("utt_id", "wav", "speaker", "text")

class Dataset:
    def __init__(self, split): self.rows = list(csv.DictReader(open(split)))
    def __len__(self): return len(self.rows)
    def __getitem__(self, index):
        row = self.rows[index]
        return {"utt_id": row["utt_id"], "speech": index, "text": row["text"]}
    def column(self, name): return [row[name] for row in self.rows]
"""
FREE = DATA.replace('COLUMNS = ("utt_id", "wav", "speaker", "text")\n', "")
TRAIN = """\
configs:
  training:
    dataset: {train: [{data_src_args: {split: t}}]}
    dataloader: {train: {batches: {type: category, category_key: NAME}}}
stages: [train]
"""
SORTED = "type: sorted, length_key: NAME"


@pytest.mark.parametrize(
    ("name", "data", "found"),
    [
        ("spk", DATA, True),
        ("speaker", DATA, False),
        ("speech", DATA, False),
        ("spk", FREE, False),
        ("gender", f"{DATA}# a column gender comes with the corpus\n", False),
        ("gender", f"{DATA}    def lengths(self, gender): return [gender]\n", True),
        ("gender", f"{DATA}    def more(self): return dict(gender=1)\n", False),
        ("gender", f"{DATA}class Row:\n    gender: str\n", False),
    ],
)
def test_batches_are_balanced_by_a_column(check, name, data, found):
    text = HEAD + TRAIN.replace("NAME", name)
    files = {"dataset/__init__.py": data}
    assert check(text, files) == ([("R422", name)] if found else [])


def test_beside_a_module_that_is_no_python(check):
    files = {"dataset/__init__.py": f"{DATA}import dataset.half", "dataset/half.py": "def f(:"}
    found = check(HEAD + TRAIN.replace("NAME", "spk"), files)
    assert [code for code, _ in found] == ["R422", "R510"]


@pytest.mark.parametrize(("name", "codes"), [("chars", ["R422"]), ("text", [])])
def test_batches_are_sorted_by_a_field(check, name, codes):
    batches = SORTED.replace("NAME", name)
    text = HEAD + TRAIN.replace("type: category, category_key: NAME", batches)
    assert [code for code, _ in check(text, {"dataset/__init__.py": FREE})] == codes
