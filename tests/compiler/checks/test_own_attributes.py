"""Attributes of ``self`` that a class of the recipe reads."""

import pytest

from espnet3_compiler.pipeline import compile_manifest
from tests.compiler.checks.checks_kit import HEAD

RECIPE = f"{HEAD}configs: {{training: {{dataset: {{train: [{{}}]}}}}}}\nstages: [train]\n"
TOP = "from torch import nn\n\n\n"
INIT = (
    "    def __init__(self, size):\n        super().__init__()\n        self.hidden_size = size\n"
)
MODULE = f"class Net(nn.Module):\n{INIT}"
PLAIN = f"class Net:\n{INIT}"


def reads(text):
    return f"    def forward(self, speech):\n        return {text}\n"


def found(check, text):
    pytest.importorskip("torch")
    check(RECIPE, {"src/model.py": TOP + text})
    outcome = compile_manifest(check.manifest)
    return [(f.primary.span.text, *f.help) for f in outcome.diagnostics if f.code == "R518"]


SET = f"import torch.utils.data\nclass Net(torch.utils.data.Dataset):\n{INIT}"
OPTIMIZER = f"import torch.optim\nclass Net(torch.optim.Optimizer):\n{INIT}"


@pytest.mark.parametrize("head", [MODULE, PLAIN, SET])
@pytest.mark.parametrize(
    ("text", "word", "advice"),
    [
        ("self.hidden_sise", "self.hidden_sise", 'did you mean "hidden_size"?'),
        ("self.blank + self.blank", "self.blank", "set self.blank in __init__"),
        ("{'blank': self.blank(speech)}", "self.blank", "set self.blank in __init__"),
        ("speech(self._seen[0])", "self._seen", "set self._seen in __init__"),
    ],
)
def test_what_nothing_sets(check, head, text, word, advice):
    assert found(check, head + reads(text)) == [(word, advice)]


def test_what_only_a_lightning_module_has(check):
    advice = "only a LightningModule has it: derive from one, or return what is to be logged"
    assert found(check, MODULE + reads("self.log(1)")) == [("self.log", advice)]
    assert found(check, PLAIN + reads("self.log(1)")) == [("self.log", "set self.log in __init__")]


@pytest.mark.parametrize(
    "text",
    [
        MODULE + reads("self.hidden_size, self.training, self.parameters(), self.__class__"),
        MODULE + reads("self._modules, self._parameters, self._buffers, self._get_name()"),
        MODULE + reads("lambda x: self.blank[x]"),
        MODULE + reads("speech or self.blank"),
        MODULE + reads("hasattr(self, 'blank') and self.blank"),
        MODULE + reads("getattr(self, 'blank', 0) or self.blank"),
        MODULE + reads("[speech(self, one) for one in ['blank']] and self.blank"),
        MODULE
        + "    def forward(self):\n        try:\n            return self.blank\n"
        + "        except AttributeError:\n            return 0\n",
        MODULE + "        self.register_buffer('mean', None)\n" + reads("self.mean"),
        MODULE + "        setattr(self, size, 1)\n" + reads("self.blank"),
        MODULE + "    blank: int\n" + reads("self.blank"),
        MODULE + "    blank = 0\n" + reads("self.blank"),
        MODULE + "    @property\n    def blank(self): return 0\n" + reads("self.blank"),
        MODULE + "    @staticmethod\n    def forward(self): return self.blank\n",
        MODULE + "    def __getattr__(self, name): return 0\n" + reads("self.blank"),
        MODULE + reads("self.blank") + "def fill(net): net.blank = 1\n",
        MODULE + "    def forward(self, other):\n        self = other\n        return self.blank\n",
        "class Base(nn.Module):\n"
        + reads("self.blank")
        + "class Net(Base):\n    def __init__(self, size):\n        super().__init__()\n"
        + "        self.blank = 0\n",
        "class Base:\n    blank = 0\nclass Net(Base):\n" + reads("self.blank"),
        "class Net(nn.Linear):\n" + reads("self.in_features + self.weight"),
        OPTIMIZER + reads("self.blank"),
        "class Net(dict):\n" + reads("self.blank"),
        "from dataclasses import dataclass\n@dataclass\nclass Net:\n    blank: int\n"
        + reads("self.blank"),
    ],
)
def test_what_is_or_may_be_set(check, text):
    assert found(check, text) == []
