"""Parts of a model that no named optimizer trains."""

import pytest

from espnet3_compiler.pipeline import compile_manifest

RECIPE = """\
version: 1
recipe: mini/asr
system: asr
models:
  net: {_target_: src.model.Net, part: {_target_: src.part.Part, size: 8}}
configs:
  training:
    dataset: {train: [{}]}
    optimizers:
      all: {params: head, optimizer: {_target_: torch.optim.SGD, lr: 0.1}}
stages: [train]
"""
PART = """\
from torch import nn


class Inner(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.layer = nn.Linear(size, size)


class Part(nn.Module):
    def __init__(self, size):
        super().__init__()
        MADE
"""
LAYER = "self.layer = nn.Linear(size, size)"


def net(*lines):
    body = "".join(f"        {line}\n" for line in lines)
    return (
        "from torch import nn\n\nfrom .part import Inner, Part\n\n\nclass Net(nn.Module):\n"
        f"    def __init__(self, part):\n        super().__init__()\n{body}"
        "        self.head = nn.Linear(8, 8)\n\n"
        "    def forward(self, speech):\n        return self.head(speech)\n"
    )


def found(check, model, made=LAYER):
    pytest.importorskip("torch")
    check(RECIPE, {"src/model.py": model, "src/part.py": PART.replace("MADE", made)})
    outcome = compile_manifest(check.manifest)
    return [f.message for f in outcome.diagnostics if f.code == "R415"]


KEPT = net("self.part = part")


@pytest.mark.parametrize(
    ("model", "made"),
    [
        (KEPT, LAYER),
        (KEPT, "self.inner = Inner(size)"),
        (KEPT, "self.layers = nn.ModuleList(Inner(size) for _ in range(3))"),
        (KEPT, "self.layers = nn.Sequential(nn.ReLU(), nn.Linear(size, size))"),
        (KEPT, "self.start = nn.Parameter(size)"),
        (net("self.part, self.size = part, part.size"), f"self.size = size; {LAYER}"),
        (net("self.part = Inner(8)"), LAYER),
    ],
)
def test_a_part_with_parameters(check, model, made):
    assert found(check, model, made) == ['no optimizer trains "part" of the model']


@pytest.mark.parametrize(
    ("model", "made"),
    [
        (KEPT, "self.size = size"),
        (KEPT, "self.layer = nn.ReLU()"),
        (KEPT, "self.head = nn.Linear(size, size)"),  # "head" names it, too
        (KEPT, f"{LAYER}; self.requires_grad_(False)"),
        (KEPT, f"{LAYER}; self.layer = None"),
        (KEPT, "self.layer = nn.Linear(size, size) if size else None"),
        (KEPT, "self.layers = nn.ModuleList(Inner(size) for _ in range(size))"),
        (KEPT, "self.start = nn.Parameter(size, requires_grad=False)"),
        (net("self.part = part", "part.requires_grad_(False)"), LAYER),
        (net("self.part = part", "fix(part)"), LAYER),
        (net("self.part = part", "fix(self.part)"), LAYER),
        (net("self.part = part", "self.head = Inner(part.layer)"), LAYER),
        (net("self.head = part"), LAYER),
        (net("self.part = [part]"), LAYER),
    ],
)
def test_what_may_have_none_or_be_covered(check, model, made):
    assert found(check, model, made) == []
