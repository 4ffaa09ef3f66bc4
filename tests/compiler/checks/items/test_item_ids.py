"""Ids of items, which are words and differ."""

import pytest

from tests.compiler.checks.checks_kit import HEAD

DATA = """
import json

class Dataset:
    def __init__(self, split):
        self.split = split
        self.last = None
        self.texts = json.load(open(split))
    def __len__(self): return LENGTH
    def __getitem__(self, index):
        self.last = index
        text = self.texts[index]
        return {"utt_id": ID, "speech": self.read(index), "text": text, "label": text[0]}
"""
INFER = """\
configs:
  training: {dataset: {train: [{data_src_args: {split: t}}], preprocessor: PREPARE}}
  inference:
    checkpoint: ${stages.train.best_checkpoint}
    dataset: {test: [{name: dev, data_src_args: {split: dev}}]}
    runner: {_target_: src.model.Net, size: 8}
    input_key: speech
    output_keys: [text]
    contract:
      inputs: {speech: {kind: KIND}}
      outputs: {text: {kind: text}}
stages: [train, infer]
"""
LABELS = "{_target_: espnet3_runtime.data.preprocess.LabelToIndex, labels: a.txt}"


def places(check, value, *, kind="audio", prepare="null", text=INFER, length="len(self.texts)"):
    text = HEAD + text.replace("KIND", kind).replace("PREPARE", prepare)
    data = DATA.replace("ID", value, 1).replace("LENGTH", length)
    found = check(text, {"dataset/__init__.py": data})
    return [place for code, place in found if code in ("R428", "R443")]


@pytest.mark.parametrize(
    "value",
    [
        'f"{self.split} {index}"',
        '"%s %d" % (self.split, index)',
        '"{} {}".format(self.split, index)',
        'self.split + " " + str(index)',
        '" ".join([self.split, str(index)])',
        'f"{index:5}"',
        'f"{index:>8d}"',
        '"utterance"',
        "self.split",
        'f"{self.split}-item"',
        "str(self.split).lower()",
        "text",
        "self.texts[index]",
    ],
)
def test_ids_that_are_refused(check, value):
    assert places(check, value) == [value]


@pytest.mark.parametrize(
    "value",
    [
        "index",
        "None",
        'f"{self.split}-{index:04}"',
        'f"{self.split} {index}".replace(" ", "_")',
        '"-".join([self.split, str(index)])',
        'f"{self.split}-{self.last}"',
        "self.name(index)",
        "self.texts[index - 1]",
        "text[0]",
        'self.name("a b")',
    ],
)
def test_ids_that_may_be_right(check, value):
    assert places(check, value) == []


def test_one_item_alone_may_have_any_id(check):
    assert places(check, '"demo"', length="1") == []
    assert places(check, '"demo"', length="2") == ['"demo"']


def test_a_number_that_is_changed_may_be_long_enough(check):
    changed = "text = self.texts[index]", "text = self.texts[index]; index += 100000"
    data = DATA.replace(*changed).replace("ID", 'f"{index:6}"', 1).replace("LENGTH", "9")
    text = HEAD + INFER.replace("KIND", "text").replace("PREPARE", "null")
    assert "R428" not in [code for code, _ in check(text, {"dataset/__init__.py": data})]


def test_texts_and_labels_come_several_times_where_that_is_known(check):
    assert places(check, "text", kind="text") == []
    assert places(check, "text[0]", kind="text", prepare=LABELS) == ["text[0]"]
    train = INFER.replace("stages: [train, infer]", "stages: [train]")
    assert places(check, "self.split", text=train) == []
