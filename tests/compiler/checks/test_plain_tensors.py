"""Tensors that a model keeps as plain attributes."""

import pytest

from espnet3_compiler.pipeline import compile_manifest

RECIPE = """\
version: 1
recipe: mini/asr
system: asr
models:
  net: {_target_: src.model.Net, size: 8}
configs: {training: {dataset: {train: [{}]}}}
stages: [train]
"""


def net(*lines, result="speech * self.mask", more=""):
    body = "".join(f"        {line}\n" for line in lines)
    return (
        "import torch\nfrom torch import nn\n\n\nclass Net(nn.Module):\n"
        f"    def __init__(self, size):\n        super().__init__()\n{body}"
        f"\n    def forward(self, speech):\n        return {result}\n{more}"
    )


def found(check, text):
    pytest.importorskip("torch")
    check(RECIPE, {"src/model.py": text})
    outcome = compile_manifest(check.manifest)
    return [f.primary.span.text for f in outcome.diagnostics if f.code == "R515"]


RANDOM = "self.mask = torch.randn(size)"


@pytest.mark.parametrize(
    "text",
    [
        net(RANDOM),
        net("self.mask = 0.1 * torch.randn(size)"),
        net("self.mask = torch.rand(size, 3).mul(0.1) - 1"),
        net("mask = torch.randn(size)", "self.mask = mask"),
        net("self.mask = torch.empty(size)", "nn.init.normal_(self.mask)"),
        net("self.mask = nn.init.xavier_uniform_(torch.empty(size, size))"),
        net("self.mask = torch.zeros(size).uniform_(-1, 1)"),
        net("self.mask = torch.zeros(size, requires_grad=True)"),
        net("self.mask = torch.ones(size)"),
        net("self.mask = torch.zeros(size)", result="speech + self.mask"),
        net(RANDOM, result="self.hide(speech)", more="\n    def hide(self, x): return self.mask\n"),
    ],
)
def test_a_tensor_that_is_no_weight(check, text):
    assert found(check, text) == ["self.mask"]


@pytest.mark.parametrize(
    "text",
    [
        net("self.mask = nn.Parameter(torch.randn(size))"),
        net("self.register_buffer('mask', torch.randn(size))"),
        net(RANDOM, "self.mask = nn.Parameter(self.mask)"),
        net("mask = torch.randn(size)", "self.mask = nn.Parameter(mask)"),
        net("mask = torch.randn(size)", "self.mask = mask", "self.register_buffer('same', mask)"),
        net("self.mask = torch.randn(size, generator=fixed)"),
        net("torch.manual_seed(1)", RANDOM),
        net(RANDOM, result="speech"),
        net(RANDOM, result="self.mask if self.training else speech"),
        net(RANDOM, result="speech * self.mask.normal_()"),
        net(RANDOM, result="speech * nn.init.normal_(self.mask)"),
        net(RANDOM, more="\n    def draw(self): self.mask = torch.randn(3)\n"),
        net("self.mask = torch.randn(size)[0].item()"),
        net("self.mask = torch.zeros(size)"),
        net("self.mask = torch.arange(size)"),
        net("self.mask = torch.ones(size)", result="speech @ self.mask"),
        net(RANDOM).replace("(nn.Module)", ""),
    ],
)
def test_what_may_be_meant(check, text):
    assert found(check, text) == []
