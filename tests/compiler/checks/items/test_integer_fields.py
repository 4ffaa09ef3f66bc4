"""Samples that are whole numbers where a model takes floats."""

import pytest

from tests.compiler.checks.checks_kit import HEAD

DATA = """
import numpy as np
import soundfile
import torch

class Dataset:
    def __init__(self, split): self.paths = [split]
    def __len__(self): return len(self.paths)
    def __getitem__(self, index):
        speech, rate = soundfile.read(self.paths[index], dtype="int16")
        return {"speech": VALUE, "label": 3}
"""
MODEL = """
import torch
import torchaudio
from torch import nn
from torch.nn import functional as F

class Net(nn.Module):
    def __init__(self, size, stats=None, frontend=None):
        super().__init__()
        self.frontend = frontend
        self.first = nn.Sequential(nn.Conv1d(1, size, 3), nn.ReLU())
        self.mel = torchaudio.transforms.MelSpectrogram(16000)
        self.words = nn.Embedding(9, size)
    def forward(self, speech, speech_lengths, label):
        BODY
    def encode(self, wave, lengths):
        return self.first(wave)

class Power(nn.Module):
    def forward(self, audio, audio_lengths):
        return torch.stft(audio, 512)
"""
TRAIN = """\
configs:
  training: {dataset: {train: [{data_src_args: {split: t}}]}}
stages: [train]
"""
PREPARE = """
class Prepare:
    def __call__(self, sample): return {**sample, "speech": sample["speech"] / 32768}
"""


def places(check, value="speech", body="return self.first(speech)", text=TRAIN):
    model = MODEL.replace("BODY", body.replace("; ", "\n        "))
    head = HEAD.replace("size: 8", "size: 8, frontend: {_target_: src.model.Power}")
    files = {"src/model.py": model, "src/prepare.py": PREPARE}
    files["dataset/__init__.py"] = DATA.replace("VALUE", value)
    return [place for code, place in check(head + text, files) if code == "R431"]


@pytest.mark.parametrize(
    ("value", "body", "place"),
    [
        ("speech", "return self.first(speech)", '"int16"'),
        ("np.ascontiguousarray(speech)", "return self.mel(speech)", '"int16"'),
        ("torch.from_numpy(speech[None])", "return torch.stft(speech, 512)", '"int16"'),
        ("speech", "return self.frontend(speech, speech_lengths)", '"int16"'),
        ("speech", "return self.encode(speech.unsqueeze(1), None).mean()", '"int16"'),
        ("speech", "return self.encode(lengths=None, wave=speech).mean()", '"int16"'),
        ("speech", "wave = speech[:, None]; return self.first(wave)", '"int16"'),
        ("speech", "speech = speech.squeeze(1); return self.first(speech)", '"int16"'),
        ("(32767 * speech).astype(np.int16)", "return self.first(speech)", "np.int16"),
    ],
)
def test_whole_numbers_where_floats_are_taken(check, value, body, place):
    assert places(check, value, body) == [place]


@pytest.mark.parametrize(
    ("value", "body"),
    [
        ("speech.astype('float32')", "return self.first(speech)"),
        ("speech / 32768", "return self.first(speech)"),
        ("np.asarray(speech, dtype=np.float32)", "return self.first(speech)"),
        ("np.array(speech, np.float32)", "return self.first(speech)"),
        ("self.floats(speech)", "return self.first(speech)"),
        ("speech", "return self.first(speech.float())"),
        ("speech", "speech = speech / 32768; return self.first(speech)"),
        ("speech", "return self.words(speech)"),
        ("speech", "return self.first(self.words(speech))"),
        ("speech", "return self.frontend(speech / 32768, speech_lengths)"),
        ("speech", "wave = speech.to(torch.float32); return self.encode(wave, None)"),
        ("speech", "if speech.dtype != torch.int16: self.first(speech); return label"),
    ],
)
def test_whole_numbers_that_become_floats(check, value, body):
    assert places(check, value, body) == []


def test_a_preprocessor_or_a_collate_function_may_make_floats(check):
    for old, new in (
        ("dataset: {", "dataset: {preprocessor: {_target_: src.prepare.Prepare}, "),
        ("dataset: {", "dataset: {preprocessor: {_target_: src.other.Prepare}, "),
        ("{dataset", "{dataloader: {collate_fn: {_target_: src.pad.Pad}}, dataset"),
    ):
        assert places(check, text=TRAIN.replace(old, new, 1)) == []
