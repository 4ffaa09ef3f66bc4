"""Modules of PyTorch in plain lists, and lists that are right."""

import pytest

from tests.compiler.checks.checks_kit import HEAD

RECIPE = f"{HEAD}configs: {{training: {{dataset: {{train: [{{}}]}}}}}}\nstages: [train]\n"
MODEL = """\
import torch
from torch import nn


class Block(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.layer = nn.Linear(size, size)


class Scale(nn.Module):
    def forward(self, x): return 2 * x


class Net(nn.Module):
    def __init__(self, size):
        super().__init__()
        BODY

    def forward(self, **batch):
        for block in self.blocks: batch["speech"] = block(batch["speech"])
        return batch["speech"].mean()
"""


def found(check, body):
    return check(RECIPE, {"src/model.py": MODEL.replace("BODY", body)})


@pytest.mark.parametrize(
    "body",
    [
        "self.blocks = [nn.Linear(size, size) for _ in range(3)]",
        "self.blocks: list = [torch.nn.Linear(size, size), nn.ReLU()]",
        "self.blocks = tuple(nn.Sequential(nn.Conv1d(1, 1, 3), nn.ReLU()) for _ in range(3))",
        "self.blocks = {name: Block(size) for name in 'ab'}",
        "self.blocks = {'a': Block(size), 'b': Block(size)}",
        "self.blocks = []\n        for _ in 'ab': self.blocks.append(Block(size))",
        "self.blocks = [Block(size), Block(size)]; print(len(self.blocks), self.blocks[0])",
        "made = [nn.Tanh()]; made.append(Block(size)); self.blocks = made",
        "made: list = []\n        for _ in 'ab': made += [Block(size)]\n        self.blocks = made",
    ],
)
def test_hidden_weights(check, body):
    pytest.importorskip("torch")
    assert found(check, body) == [("R515", "self.blocks")]


@pytest.mark.parametrize(
    "body",
    [
        "self.blocks = nn.ModuleList([Block(size), Block(size)])",
        "self.blocks = [nn.ReLU(), nn.Dropout(0.1), nn.Sequential(nn.Tanh())]",
        "self.blocks = [Scale() for _ in range(3)]",
        "self.blocks = [Block(size)]",
        "self.blocks = [torch.relu, torch.tanh]",
        "self.blocks = [1, 2, size]",
        "self.blocks = [Block(size), Block(size)]; self.all = nn.ModuleList(self.blocks)",
        "self.blocks = [Block(size), Block(size)]; self.all = nn.Sequential(*self.blocks)",
        "self.blocks = [Block(size), Block(size)]; self.add_module('a', self.blocks[0])",
        "self.blocks = [Block(size), Block(size)]; self.blocks[0].requires_grad_(False)",
        "self.blocks = [Block(size), Block(size)]; self.other = self.blocks",
        "blocks = [Block(size), Block(size)]; self.blocks = nn.Sequential(*blocks)",
        "made = [Block(size), Block(size)]; self.blocks = made; self.all = nn.Sequential(*made)",
        "made = []; made += [nn.Tanh(), nn.Tanh()]; self.blocks = made",
        "made = [Block(size)]; self.blocks = made",
        "made = [Block(size), Block(size)]; made = nn.ModuleList(made); self.blocks = made",
    ],
)
def test_lists_that_are_right(check, body):
    pytest.importorskip("torch")
    assert found(check, body) == []


def test_lists_outside_of_modules(check):
    pytest.importorskip("torch")
    other = MODEL.replace("BODY", "self.blocks = nn.ModuleList()")
    other += "\n\nclass Pair:\n    def __init__(self):\n        self.a = [Block(1), Block(2)]\n"
    assert check(RECIPE, {"src/model.py": other}) == []
