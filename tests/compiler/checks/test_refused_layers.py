"""Layers that PyTorch refuses to construct with the numbers of a recipe, and some that it makes."""

import pytest

RECIPE = """version: 1
recipe: mini/asr
system: asr
models:
  net: {_target_: src.model.Net, size: 64, heads: 6, part: PART}
configs:
  training: {dataset: {train: [{data_src_args: {split: train}}]}}
stages: [train]
"""
MODEL = """\
import torch
from torch import nn
from torch.nn import TransformerEncoderLayer


class Grouped(nn.Conv1d):
    def __init__(self, size, groups):
        super().__init__(size, size, 3, groups=groups)


class Net(nn.Module):
    def __init__(self, size, heads, part, unknown=None):
        super().__init__()
        self.size = size
        self.layer = LAYER

    def forward(self, speech, label):
        return self.layer(speech).mean()
"""


@pytest.fixture
def found(check):
    """Return a function that gives what is refused for a layer in the code, or in the recipe."""
    pytest.importorskip("torch")

    def run(layer, part="1"):
        recipe = RECIPE.replace("PART", part)
        found = check(recipe, {"src/model.py": MODEL.replace("LAYER", layer)})
        return [one for one in found if one[0] == "R523"]

    return run


@pytest.mark.parametrize(
    ("layer", "place"),
    [
        ("nn.MultiheadAttention(size, heads)", "6"),
        ("nn.MultiheadAttention(self.size, num_heads=heads, dropout=unknown)", "6"),
        ("nn.MultiheadAttention(heads * 3, 5)", "6"),
        ("nn.MultiheadAttention(256, 6)", "6"),
        ("TransformerEncoderLayer(size, heads, 4 * size)", "6"),
        ("nn.TransformerEncoder(nn.TransformerEncoderLayer(size, heads), 2)", "6"),
        ("nn.ModuleList([nn.GroupNorm(heads, size) for _ in range(2)])", "64"),
        ("nn.Conv2d(size, size, 3, groups=heads)", "6"),
        ("nn.Conv1d(size, size, 3, 1, 0, 1, heads)", "6"),
        ("nn.Embedding(heads, size, 7)", "6"),
        ("nn.Sequential(nn.Linear(size, size), nn.Dropout(1.5))", "1.5"),
        ("nn.Embedding(size, 8, padding_idx=64)", "64"),
        ("Grouped(size, heads)", "6"),
    ],
)
def test_what_pytorch_refuses(found, layer, place):
    assert found(layer) == [("R523", place)]


def test_a_layer_that_the_recipe_makes(found):
    layer = "{_target_: torch.nn.GroupNorm, num_groups: 6, num_channels: 64}"
    assert found("part", layer) == [("R523", "64")]


@pytest.mark.parametrize(
    "layer",
    [
        "nn.MultiheadAttention(size, 8)",
        "nn.MultiheadAttention(6 * size, heads)",
        "nn.MultiheadAttention(unknown, heads)",
        "nn.MultiheadAttention(size // heads * heads, heads)",
        "nn.MultiheadAttention(size, heads) if unknown else nn.Linear(size, size)",
        "nn.MultiheadAttention(*[size, heads], **unknown)",
        "nn.TransformerEncoderLayer(size, 4)",
        "nn.GroupNorm(8, size)",
        "nn.Conv1d(size, 2 * size, 3, padding='same', groups=size)",
        "nn.Dropout(0.0)",
        "nn.Embedding(size, 8, padding_idx=-1)",
        "nn.LSTM(size, heads, num_layers=2, dropout=0.1)",
        "Grouped(size, 1)",
    ],
)
def test_what_pytorch_makes(found, layer):
    assert found(layer) == []
