"""Attributes that a class reads of the objects that it is given."""

import pytest

from espnet3_compiler.pipeline import compile_manifest

RECIPE = """\
version: 1
recipe: mini/asr
system: asr
models:
  net: {_target_: src.model.Net, part: {_target_: src.model.Part, size: 8}}
configs: {training: {dataset: {train: [{}]}}}
stages: [train]
"""
TOP = """\
from torch import nn


class Part(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.size = size

    def encode(self, speech):
        return speech


"""
KEPT = "self.part = part"


def net(line, result="speech", more=""):
    return f"""\
class Net(nn.Module):
    def __init__(self, part):
        super().__init__()
        {line}

    def forward(self, speech):
        return {result}
{more}"""


def found(check, text):
    pytest.importorskip("torch")
    check(RECIPE, {"src/model.py": TOP + text})
    outcome = compile_manifest(check.manifest)
    return [(f.primary.span.text, *f.help) for f in outcome.diagnostics if f.code == "R517"]


@pytest.mark.parametrize(
    ("text", "word", "advice"),
    [
        (net("self.width = part.sise"), "sise", 'did you mean "size"?'),
        (net("self.part, self.width = part, part.width"), "width", "set self.width in the class"),
        (net(KEPT, "self.part.encod(speech)"), "encod", 'did you mean "encode"?'),
        (
            net("self.a, self.b = part, 1", "self.a.encod(speech)"),
            "encod",
            'did you mean "encode"?',
        ),
        (
            net(
                KEPT,
                "self.run(speech)",
                "\n    def run(self, x):\n        return self.part.go(x)\n",
            ),
            "go",
            "set self.go in the class",
        ),
    ],
)
def test_what_a_part_lacks(check, text, word, advice):
    assert found(check, text) == [(word, advice)]


@pytest.mark.parametrize(
    "text",
    [
        net("self.width = part.size", "self.part"),
        net(KEPT, "self.part.encode(speech), self.part.training, self.part.parameters()"),
        net("self.width = part.width if hasattr(part, 'width') else 1"),
        net("self.width = getattr(part, 'width', part.size)"),
        net("part = part.wrap() if 0 else speech"),
        net("self.part = nn.Sequential(part)", "self.part.encod(speech)"),
        net(f"{KEPT}; self.part = nn.Linear(1, 1)", "self.part.in_features"),
        net(KEPT, "speech or self.part.encod(speech)"),
        net("part.width = 1; self.width = part.width"),
        net("self.width = part.width") + "\n\ndef widen(one):\n    one.width = 3\n",
        net(KEPT, "self.part.encod(1)") + "\n\ndef change(net):\n    net.part = nn.Linear(1, 1)\n",
        net(KEPT, "self.part.width") + "\n\ndef change(net):\n    setattr(net, 'part', 1)\n",
        net(KEPT, "speech", "\n    def unused(self):\n        return self.part.width\n"),
    ],
)
def test_what_may_be_there(check, text):
    assert found(check, text) == []
