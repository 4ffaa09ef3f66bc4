"""Items of lists that code takes by an index of the recipe."""

import pytest

MODEL = """\
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, size=16, depth=2, last=-1):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(size, size) for _ in range(depth))
        self.last = last

    def forward(self, speech, **_):
        return self.run(speech)[self.last].square().mean()

    def run(self, hidden):
        outputs = []
        for layer in self.layers:
            hidden = layer(hidden)
            outputs.append(hidden)
        return outputs

    def extract_features(self, speech, speech_lengths, layer=-1):
        return self.run(speech)[layer], speech_lengths
"""
CAUGHT = """\
        try:
            return self.run(speech)[layer], speech_lengths
        except IndexError:
            return speech, speech_lengths
"""
RECIPE = """\
version: 1
recipe: mini/ssl
system: ssl
models:
  net: {_target_: src.model.Net, depth: 2}
configs:
  training:
    dataset:
      train: [{data_src_args: {split: train}}]
    cluster: {num_clusters: 16, layer: 2}
stages: [cluster, train]
"""


def found_in(check, recipe: str, code: str) -> list[str]:
    return [text for name, text in check(recipe, {"src/model.py": code}) if name == "R523"]


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("", "", ["2"]),
        ("layer: 2", "layer: 1", []),
        ("layer: 2", "layer: -2", []),
        ("layer: 2", "layer: -3", ["-3"]),
        (", layer: 2", "", []),
        ("depth: 2", "depth: 3", []),
        ("layer: 2", "layer: last", []),
        ("depth: 2", 'depth: "${oc.env:DEPTH}"', []),
        ("layer: 2", "features: {_target_: src.model.Net}, layer: 2", []),
        ("depth: 2}", "depth: 3, last: 3}", ["3"]),
    ],
)
def test_indices_of_the_recipe(check, old, new, found):
    assert found_in(check, RECIPE.replace(old, new), MODEL) == found


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("outputs = []", "outputs = [hidden]"),
        ("        outputs = []\n", "        outputs = self.start()\n"),
        ("[layer], speech", "[min(layer, 1)], speech"),
        ("        return self.run(speech)[layer], speech_lengths", CAUGHT),
    ],
)
def test_lists_that_may_be_longer(check, old, new):
    assert old in MODEL
    assert found_in(check, RECIPE, MODEL.replace(old, new)) == []
