"""Frames that one part of a model makes and another one counts."""

import pytest

MODEL = """\
import torch
from torch import nn


class Frontend(nn.Module):
    def __init__(self, rate=16000):
        super().__init__()
        self.hop_length = rate * 10 // 1000
        self.register_buffer("window", torch.hann_window(400))

    def forward(self, speech, lengths):
        frames = speech.unfold(1, 400, self.hop_length)
        return frames, lengths // self.hop_length + 1


class Vocoder(nn.Module):
    def __init__(self, hop_length=160):
        super().__init__()
        self.hop_length = hop_length
        self.layer = nn.Linear(400, hop_length)

    def forward(self, feats, lengths):
        return self.layer(feats).flatten(1)[:, : lengths.max() * self.hop_length]


class Net(nn.Module):
    def __init__(self, frontend, vocoder):
        super().__init__()
        self.frontend, self.vocoder = frontend, vocoder

    def forward(self, speech, speech_lengths, **_):
        feats, lengths = self.frontend(speech, speech_lengths)
        made = self.vocoder(feats, lengths)
        return (made - speech[:, : made.shape[1]]).square().mean()
"""
RECIPE = """\
version: 1
recipe: mini/tts
system: base
models:
  net:
    _target_: src.model.Net
    frontend: {_target_: src.model.Frontend, rate: 16000}
    vocoder: {_target_: src.model.Vocoder, hop_length: 256}
configs:
  training: {dataset: {train: [{data_src_args: {split: train}}]}}
stages: [train]
"""


def found_in(check, recipe: str, code: str) -> list[str]:
    return [text for name, text in check(recipe, {"src/model.py": code}) if name == "R816"]


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("", "", ["256"]),
        ("hop_length: 256", "hop_length: 160", []),
        ("hop_length: 256", "hop_length: 320", []),
        (", hop_length: 256", "", []),
        (", rate: 16000", "", ["256"]),
        ("rate: 16000}", "rate: 22050}", ["256"]),
        ("hop_length: 256", 'hop_length: "${oc.env:HOP}"', []),
    ],
)
def test_steps_of_the_recipe(check, old, new, found):
    assert found_in(check, RECIPE.replace(old, new), MODEL) == found


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("vocoder(feats, lengths)", "vocoder(feats, lengths // 2)"),
        ("        made = self", "        lengths = lengths // 2\n        made = self"),
        ("lengths // self.hop_length + 1", "lengths"),
        ("self.vocoder(feats, lengths)", "self.join(feats, lengths)"),
        ("        self.hop_length = hop_length\n", ""),
        ("self.frontend, self.vocoder = frontend, vocoder", "self.frontend = frontend"),
    ],
)
def test_counts_that_may_be_others(check, old, new):
    assert old in MODEL
    assert found_in(check, RECIPE, MODEL.replace(old, new)) == []
