"""Windows of audio beside fields that cannot be cut with it."""

import pytest

from tests.compiler.checks.checks_kit import HEAD

DATA = """
import csv
import numpy as np
import soundfile

class Dataset:
    def __init__(self, split): self.rows = list(csv.DictReader(open(split)))
    def __len__(self): return len(self.rows)
    def lengths(self): return [1 for _ in self.rows]
    def __getitem__(self, index):
        row = self.rows[index]
        speech, _ = soundfile.read(row["wav"])
        text = row["text"]
        numbers = np.array(row["durations"].split(), dtype=np.int64)
        return {"utt_id": row["utt_id"], "speech": AUDIO, "text": text, "more": VALUE}
"""
TRAIN = """\
configs:
  training:
    dataset: {train: [{data_src_args: {split: t}}], preprocessor: PREPARE}
    dataloader: {train: {batches: {type: chunk, chunk_length: 16000, batch_size: 8MORE}}}
stages: [train]
"""
TOKENS = "{_target_: espnet3_runtime.data.preprocess.TextToTokens, tokenizer: a.model}"
FRAMES = "{_target_: espnet3_runtime.data.preprocess.FrameLabels, labels: a.txt}"
OWN = "{_target_: src.prepare.Prepare}"
PREPARE = """
from espnet3_runtime.data.preprocess import TextToTokens
class Prepare:
    def __init__(self): self.tokens = TextToTokens("a.model")
    def __call__(self, sample): return self.tokens(sample)
"""


def advice(check, value="3", *, prepare="null", more="", audio="np.ascontiguousarray(speech)"):
    text = HEAD + TRAIN.replace("PREPARE", prepare).replace("MORE", more)
    data = DATA.replace("VALUE", value).replace("AUDIO", audio)
    found = check(text, {"dataset/__init__.py": data, "src/prepare.py": PREPARE})
    return [place for code, place in found if code == "R415"]


@pytest.mark.parametrize(
    "value",
    [
        "numbers",
        "np.array([int(x) for x in row['durations'].split(' ')])",
        "np.array(list(map(int, row['durations'].split())))",
        "np.array([self.ids[c] for c in row['text'].lower()])",
        "np.array(self.tokenizer.encode(row['text']))",
    ],
)
def test_numbers_of_a_text(check, value):
    assert advice(check, value) == ["chunk"]
    assert advice(check, value, more=", chunk_excluded_keys: [more]") == []
    assert advice(check, value, audio="self.features(speech)") == []


@pytest.mark.parametrize("prepare", [TOKENS, OWN])
def test_ids_of_a_text(check, prepare):
    assert advice(check, prepare=prepare) == ["chunk"]
    assert advice(check, prepare=prepare, more=", chunk_excluded_keys: [text]") == []


def test_labels_of_frames(check):
    assert advice(check, prepare=FRAMES) == ["chunk"]
    assert advice(check, prepare=FRAMES, audio="self.features(speech)") == []


@pytest.mark.parametrize(
    "value",
    ["3", "'a b'.split", "self.noisy(index)", "speech", "np.array([x for x in speech])", "text"],
)
def test_what_may_be_cut_or_stays_whole(check, value):
    assert advice(check, value) == []
    assert advice(check, value, prepare="{_target_: src.other.Prepare}") == []
