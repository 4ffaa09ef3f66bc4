"""Parts of a model that its code does not name, and those that it may have for all that is seen."""

import pytest

from tests.compiler.checks.checks_kit import HEAD

TOP = "import torch\nfrom torch import nn\n"
NET = """
class Net(nn.Module):
    def __init__(self, size, encoder=None):
        super().__init__()
        self.encoder = encoder
        self.out = nn.Linear(size, size)
        BODY
    def forward(self, **batch): return batch["loss"]
"""


def recipe(selector: str, model: str = "{_target_: src.model.Net, size: 8}") -> str:
    head = HEAD.replace("{_target_: src.model.Net, size: 8}", model)
    config = f"{{freeze: [{selector}], dataset: {{train: [{{}}]}}}}"
    return f"{head}configs: {{training: {config}}}\nstages: [train]\n"


@pytest.mark.parametrize(
    "selector",
    [
        *("ot", "'ot.*'", "encodr.layers", "encoder.lyers", "out.wieght", "'encd*'", "decoder"),
        *("'o t'", "Net.out", "size.out"),
    ],
)
def test_parts_that_the_code_does_not_name(check, selector):
    text = f"{TOP}{NET.replace('BODY', 'self.layers = nn.ModuleList([])')}"
    found = check(recipe(selector), {"src/model.py": text})
    assert found == [("R807", selector)]


@pytest.mark.parametrize(
    ("selector", "body", "top"),
    [
        ("out.weight", "", TOP),
        ("encoder.0", "", TOP),
        ("'enc*'", "", TOP),
        ("'*.bias'", "", TOP),
        ("lstm.weight_ih_l0_reverse", "self.lstm = nn.LSTM(4, 4)", TOP),
        ("attention.out_proj", "self.attention = nn.MultiheadAttention(4, 4)", TOP),
        ("block.norm1", "self.block = nn.TransformerEncoderLayer(4, 4)", TOP),
        ("conv0", "setattr(self, f'conv{0}', nn.Conv1d(4, 4, 1))", TOP),
        ("conv0", "self.add_module(f'conv{0}', nn.Conv1d(4, 4, 1))", TOP),
        ("conv0", "self.add_module(\n            name, size)", TOP),
        ("en", "self.heads = nn.ModuleDict({x: nn.Linear(4, 4) for x in size})", TOP),
        ("mean", "self.register_buffer('mean', torch.zeros(4))", TOP),
        ("front", "", f"{TOP}import apex\n"),
        ("front", "self.a = torch.hub.load('x', 'y')", TOP),
        ("inner", "", f"{TOP}from src.parts import Inner\n"),
        ("inner", "", f"{TOP}from .parts import *\n"),
        ("inner", "", f"{TOP}def later():\n    from . import parts\n"),
    ],
)
def test_parts_that_the_model_may_have(check, selector, body, top):
    parts = "from torch import nn\nclass Inner(nn.Module):\n    inner: nn.Linear\n"
    text = f"{top}{NET.replace('BODY', body)}"
    found = check(recipe(selector), {"src/model.py": text, "src/parts.py": parts})
    assert [pair for pair in found if pair[0] == "R807"] == []


@pytest.mark.parametrize(
    ("target", "found"),
    [
        ("src.parts.Inner", []),
        ("apex.Inner", []),
        ("'${oc.env:PART,src.parts.Inner}'", []),
        ("src.others.Other", [("R807", "inner")]),
    ],
)
def test_objects_of_the_config_bring_their_own_parts(check, target, found):
    model = f"{{_target_: src.model.Net, size: 8, encoder: {{_target_: {target}}}}}"
    files = {
        "src/model.py": f"{TOP}{NET.replace('BODY', '')}",
        "src/parts.py": "class Inner:\n    inner = 1\n",
        "src/others.py": "class Other:\n    others = 1\n",
    }
    result = check(recipe("inner", model), files)
    assert [pair for pair in result if pair[0] == "R807"] == found


def test_the_model_of_a_package_is_not_judged(check):
    model = "{_target_: torch.nn.Linear, in_features: 4, out_features: 4}"
    assert check(recipe("inner", model)) == []


@pytest.mark.parametrize(
    ("parts", "found"),
    [
        (("layers", "layers.0"), "layers.0"),
        (("layers.0", "layers"), "layers"),
        (("'*'", "out"), "out"),
        (("'layers.*'", "'layers.0.*'"), "'layers.0.*'"),
        (("layers", "lay"), None),
        (("'layers.*'", "layers.0"), None),
        (("'layers.?.a*'", "'layers.?.b*'"), None),
    ],
)
def test_parts_of_two_optimizers(check, parts, found):
    blocks = [
        f"o{index}: {{optimizer: {{_target_: torch.optim.Adam}}, params: {part}}}"
        for index, part in enumerate(parts)
    ]
    given = f"optimizers: {{{', '.join(blocks)}}}"
    text = (
        f"{TOP}class Net(nn.Module):\n    def __init__(self, size):\n"
        "        'layers', 'out', 'lay', 'a', 'b'\n"
        "    def forward(self, **batch): ...\n"
    )
    result = check(recipe("").replace("freeze: []", given), {"src/model.py": text})
    assert result == ([("R415", found)] if found else [])


WHOLE = """
class Net(BASE):
    def __init__(self, size, encoder=None, name="a"):
        super().__init__()
        self.encoder = encoder
        self.size, self.name = size, name
        self.dropout = nn.Dropout(0.1)
        self.loss = nn.CTCLoss()
        self.depth = size
        self.out = nn.Linear(size, size)
        BODY
    def forward(self, **batch): return batch["loss"]
"""


@pytest.mark.parametrize(
    ("selectors", "body", "base", "found"),
    [
        ("encoder, out, size, name", "", "nn.Module", True),
        ("encoder, out, size, name, dropout", "", "nn.Module", True),
        ("out, size, name", "", "nn.Module", False),
        ("encoder, size, name", "", "nn.Module", False),
        ("encoder, out.weight, size, name", "", "nn.Module", False),
        ("encoder, out, size, name", "self.late = nn.Bilinear(2, 2, 2)", "nn.Module", False),
        ("encoder, out, size, name", "self.add_module('late', nn.ReLU())", "nn.Module", False),
        ("encoder, out, size, name", "fill(self)", "nn.Module", False),
        ("encoder, out, size, name", "size = nn.Linear(2, 2)", "nn.Module", False),
        ("encoder, out, size, name", "self.act = nn.PReLU()", "nn.Module", False),
        ("encoder, out, size, name", "", "nn.Sequential", False),
    ],
)
def test_everything_is_frozen(check, selectors, body, base, found):
    pytest.importorskip("torch")
    text = TOP + WHOLE.replace("BODY", body).replace("BASE", base)
    model = "{_target_: src.model.Net, size: 8, encoder: {_target_: src.parts.Inner}}"
    parts = "from torch import nn\nclass Inner(nn.Linear):\n    def __init__(self): ...\n"
    result = check(recipe(selectors, model), {"src/model.py": text, "src/parts.py": parts})
    assert result == [("R415", "encoder")] * found


@pytest.mark.parametrize(
    ("body", "config", "found"),
    [
        ("self.norm = nn.LayerNorm(8)", "", True),
        ("self.norm = nn.Sequential(nn.ReLU(), nn.Conv1d(8, 8, 3))", "", True),
        ("self.norm = nn.LayerNorm(8)", "freeze: [norm], ", False),
        ("self.norm = nn.LayerNorm(8, elementwise_affine=False)", "", False),
        ("self.norm = nn.LayerNorm(8); self.norm.requires_grad_(False)", "", False),
        ("self.norm = nn.LayerNorm(8); keep(self.norm)", "", False),
        ("self.norm = nn.LayerNorm(8); keep(part=self.norm)", "", False),
        ("if encoder: self.norm = nn.LayerNorm(8)", "", False),
        ("self.norm = nn.ReLU()", "", False),
    ],
)
def test_parts_that_no_optimizer_trains(check, body, config, found):
    named = ", ".join(
        f"{one}: {{params: {one}, optimizer: {{_target_: torch.optim.SGD, lr: 1.0}}}}"
        for one in ("encoder", "out")
    )
    text = recipe("").replace("freeze: [], ", f"{config}optimizers: {{{named}}}, ")
    text = text.replace(
        "size: 8}", "size: 8, encoder: {_target_: torch.nn.Linear, _args_: [8, 8]}}"
    )
    model = f"{TOP}def keep(part): ...\n{NET.replace('BODY', body)}"
    result = check(text, {"src/model.py": model})
    assert [one for one in result if one[0] == "R415"] == [("R415", "optimizers")] * found
