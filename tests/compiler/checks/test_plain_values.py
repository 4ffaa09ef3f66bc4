"""Lists and numbers of a recipe that reach functions of PyTorch, and code that makes tensors."""

import textwrap

import pytest

from espnet3_compiler.pipeline import compile_manifest

RECIPE = """version: 1
recipe: mini/asr
system: asr
models:
  net: {_target_: src.model.Net, weights: [1.0, 2.0], scale: 2.0, size: [4, 4]}
configs:
  training: {dataset: {train: [{data_src_args: {split: train}}]}}
stages: [train]
"""
MODEL = """\
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.functional import cross_entropy


class Net(nn.Module):
    def __init__(self, weights, scale, size, other=None):
        super().__init__()
        self.head = nn.Linear(4, 2)
        self.scale, self.size, self.other = scale, size, other
        {keep}

    def forward(self, speech, label):
        x = self.head(speech)
        {body}
        return F.cross_entropy(x, label)

    def on_start(self):
        self.late = 1
"""


@pytest.fixture
def found(check):
    """Return a function that gives the places of R504 in a model."""
    pytest.importorskip("torch")

    def run(body, keep="self.weights = weights", recipe=RECIPE):
        indent = {"keep": keep, "body": body}
        text = {key: textwrap.indent(value, " " * 8).lstrip() for key, value in indent.items()}
        check(recipe, {"src/model.py": MODEL.format(**text)})
        every = compile_manifest(check.manifest).diagnostics
        return [(one.primary.span.text, one.help[0]) for one in every if one.code == "R504"]

    return run


KEPT = 'write self.register_buffer("{0}", torch.tensor(…)) in place of self.{0} = …'


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ("return F.cross_entropy(x, label, weight=self.weights)", "self.weights"),
        ("return F.cross_entropy(x, label, self.weights)", "self.weights"),
        ("return cross_entropy(x, label, weight=self.weights)", "self.weights"),
        ("return nn.functional.nll_loss(x.log_softmax(1), label, self.weights)", "self.weights"),
        (
            "return F.binary_cross_entropy_with_logits(x, label, pos_weight=self.scale)",
            "self.scale",
        ),
        ("return torch.maximum(x, self.weights)", "self.weights"),
        ("if self.weights is not None: return F.cross_entropy(x, x, self.weights)", "self.weights"),
    ],
)
def test_what_the_model_keeps_of_the_recipe(found, body, place):
    assert found(body) == [(place, f"{KEPT.format(place.removeprefix('self.'))}")]


def test_what_a_constructor_is_given(found):
    keep = "self.loss = nn.CrossEntropyLoss(weight=weights)"
    assert found("return self.loss(x, label)", keep) == [("weights", "write torch.tensor(weights)")]


@pytest.mark.parametrize(
    ("body", "keep"),
    [
        ("weight=self.weights", "self.register_buffer('weights', torch.tensor(weights))"),
        ("weight=self.weights", "self.weights = torch.tensor(weights)"),
        ("weight=self.weights", "self.weights = nn.Parameter(torch.as_tensor(weights))"),
        ("weight=x.new_tensor(self.weights)", "self.weights = weights"),
        ("weight=self.late", "self.late = weights"),
        ("weight=self.other", "self.weights = weights"),
        ("label_smoothing=self.scale", "self.weights = weights"),
    ],
)
def test_tensors_and_what_is_none(found, body, keep):
    assert found(f"return F.cross_entropy(x, label, {body})", keep) == []


@pytest.mark.parametrize(
    "body",
    [
        "return F.interpolate(x[None], scale_factor=self.weights).mean()",
        "return F.gaussian_nll_loss(x, label, self.scale)",
        "x = F.layer_norm(x, self.size) + F.pad(x, self.size)",
        "x = torch.add(x, self.scale) + torch.clamp(x, self.scale)",
        "if label.any(): return F.cross_entropy(x, label, self.weights)",
        "try:\n    x = F.cross_entropy(x, label, self.weights)\nexcept TypeError:\n    pass",
        "x = F.cross_entropy(x, label, **{'weight': self.weights})",
    ],
)
def test_parameters_that_take_numbers_and_code_that_may_not_run(found, body):
    assert found(body) == []


def test_a_class_that_others_fill(found):
    recipe = RECIPE.replace("weights: [1.0, 2.0]", "weights: null")
    assert found("return F.cross_entropy(x, label, self.weights)", recipe=recipe) == []
