"""Calls in the recipe's code against what is called, and those that cannot be judged."""

import pytest

from tests.compiler.checks.checks_kit import HEAD

RECIPE = f"{HEAD}configs: {{training: {{dataset: {{train: [{{}}]}}}}}}\nstages: [train]\n"
PARTS = """import functools
def scale(sound, gain, *, floor=0.0): return sound
def free(sound, *rest, **options): return sound
def wrapped(sound): return sound
louder = functools.partial(scale, gain=2.0)
class Part:
    def __init__(self, size, depth=1): self.size = size
    def give(self, sound, lengths): return sound
    @staticmethod
    def plain(sound, lengths): return sound
class Other(Part):
    def give(self, sound): return sound
"""
CLASS = """import torch
import src.parts
from src.parts import Part, free, louder, scale
class Net(Part):
    def __init__(self, size):
        super().__init__({init})
    def encode(self, sound, lengths=None):
        return sound
    def forward(self, speech):
        {body}
"""


def codes(check, body, init="size", more="", parts=PARTS):
    text = CLASS.format(init=init, body=body) + more
    found = check(RECIPE, {"src/model.py": text, "src/parts.py": parts}, names=True)
    return [one for one in found if one[0] in ("R502", "R503", "R506")]


@pytest.mark.parametrize(
    ("body", "code", "place"),
    [
        ("return scale(speech, gian=2.0)", "R502", "gian"),
        ("return [scale(one) for one in speech]", "R503", "scale"),
        ("return scale(speech, 2.0, 0.1)", "R502", "scale"),
        ("return scale(speech, 2.0, gain=1.0)", "R506", "gain"),
        ("return src.parts.scale(speech, 1.0, flor=1)", "R502", "flor"),
        ("return louder(speech, flor=1)", "R502", "flor"),
        ("return Part(depth=2)", "R503", "Part"),
        ("return Part.give(self, speech)", "R503", "Part.give"),
        ("return self.encode(speech, length=3)", "R502", "length"),
        ("return self.give(speech)", "R503", "self.give"),
        ("return self.plain(speech, 1, 2)", "R502", "self.plain"),
        ("return super().give(speech, 1, 2)", "R502", "super().give"),
        ("return torch.nn.functional.cross_entropy(speech, 1, smoothing=0.1)", "R502", "smoothing"),
        ("return torch.nn.Linear(8, 8, biass=False)(speech)", "R502", "biass"),
    ],
)
def test_what_is_not_taken(check, body, code, place):
    assert codes(check, body) == [(code, place)]


def test_base_that_is_not_given_its_arguments(check):
    assert codes(check, "return speech", init="") == [("R503", "super().__init__")]


@pytest.mark.parametrize(
    "body",
    [
        "return scale(speech, **speech)",
        "return scale(*speech)",
        "return scale(speech, gain=1.0, floor=0.5), louder(speech), free(1, 2, a=3)",
        "scale = min\n        return scale(speech)",
        "return (lambda scale: scale(speech))(speech)",
        "return [scale(speech) for scale in speech]",
        "try:\n            scale(speech)\n        except TypeError:\n            return speech",
        "if torch.__version__ > '2':\n            return torch.nn.functional.relu(speech, fast=1)",
        "return torch.sum(speech, axis=1, keepdims=True)",
        "return self.missing(1, 2, 3), self.plain(speech, 1), self.forward.__call__(1, 2)",
        "self.encode = speech\n        return self.encode(1, 2, 3, 4)",
    ],
)
def test_what_is_taken_or_not_certain(check, body):
    assert codes(check, body) == []


@pytest.mark.parametrize(
    "more",
    [
        "class Wide(Net):\n    def encode(self, *speech): return speech\n",
        "def dress(model):\n    model.encode = len\n",
    ],
)
def test_method_that_another_may_replace(check, more):
    assert codes(check, "return self.encode(1, 2, 3)", more=more) == []


def test_base_that_a_subclass_puts_another_one_before(check):
    more = "class Mixed(Net, src.parts.Other):\n    pass\n"
    assert codes(check, "return super().give(speech)", more=more) == []


def test_name_that_is_bound_twice(check):
    parts = PARTS + "try:\n    from fast import scale\nexcept ImportError:\n    pass\n"
    assert codes(check, "return scale(speech)", parts=parts) == []
