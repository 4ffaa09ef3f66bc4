"""Modules of PyTorch that are not initialized, and those that only look so."""

import pytest

from tests.compiler.checks.checks_kit import HEAD

RECIPE = f"{HEAD}configs: {{training: {{dataset: {{train: [{{}}]}}}}}}\nstages: [train]\n"
WITHOUT_FORWARD = "R425"
INIT = "    def __init__(self, size):\n"
TOP = "import torch\nfrom dataclasses import dataclass\nfrom torch import nn\n\n\n"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("class Net(nn.Module):\n    def __init__(self, size):\n        self.size = size", "size"),
        ("class Net(torch.nn.Linear):\n    def __init__(self, size):\n        self.a = size", "a"),
        (
            f"class Base(nn.Module): 0\nclass Net(Base):\n{INIT}        if 1:\n         self.b = 1",
            "b",
        ),
    ],
)
def test_what_is_not_initialized(check, text, place):
    pytest.importorskip("torch")
    found = dict(check(RECIPE, {"src/model.py": f"{TOP}{text}\n"}))
    found.pop(WITHOUT_FORWARD, None)
    assert {code: text.partition(" ")[0] for code, text in found.items()} == {
        "R516": f"self.{place}"
    }


@pytest.mark.parametrize(
    "text",
    [
        f"class Net(nn.Module):\n{INIT}        super().__init__()\n        self.a = 1",
        f"class Net(nn.Module):\n{INIT}        nn.Module.__init__(self)\n        self.a = 1",
        "class Net:\n    def __init__(self, size):\n        self.size = size",
        "class Net(dict):\n    def __init__(self, size):\n        self.size = size",
        f"class Net(nn.Module):\n    call_super_init = True\n{INIT}        self.a = 1",
        "@dataclass\nclass Net(nn.Module):\n    size: int",
        "class Net(nn.Module):\n    def __init__(self, size): ...",
        f"class Net(nn.Module):\n    def setup(self):\n        self.a = 1\n{INIT}        pass",
    ],
)
def test_what_is_or_may_be_initialized(check, text):
    pytest.importorskip("torch")
    found = check(RECIPE, {"src/model.py": f"{TOP}{text}\n"})
    assert [code for code, _ in found if code != WITHOUT_FORWARD] == []
