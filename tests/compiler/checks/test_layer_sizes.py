"""Layers of a model that certainly do not fit, and code of which that is not known."""

import pytest

from espnet3_compiler.pipeline import compile_manifest

HEADER = "import torch\nimport torch.nn.functional as F\nfrom torch import nn\n\n\n"
HEADER += "def halve(x):\n    return x.chunk(2, -1)[0]\n\n\n"
MODEL = """class Net(nn.Module):
    def __init__(self, size, other=24, vocab=30, part=None):
        super().__init__()
        self.embed = nn.Embedding(vocab, size)
        self.same = nn.Linear(size, size)
        self.up = nn.Linear(size, other)
        self.head = nn.Linear(size, vocab)
        self.wide = nn.Linear(2 * size, vocab)
        self.rnn = nn.LSTM(size, size, batch_first=True, bidirectional=True)
        self.blocks = nn.ModuleList(nn.Linear(size, size) for _ in range(3))
        self.part = part
{init}

    def forward(self, text, mask=None, **_):
        x = self.embed(text)
{body}
        return x

    def scores(self, x, layer=None):
        return self.head(torch.relu(x))

    def later(self):
        self.replaced = nn.Linear(7, 7)

    def build(self, size):
        layers = self.inner
        layers.append(nn.Linear(size, 24))
        self.filled.append(nn.Linear(size, 24))
        self.count = 24
"""
RECIPE = """version: 1
recipe: mini/asr
system: asr
models:
  net: {_target_: src.model.Net, size: 16}
configs:
  training: {dataset: {train: [{data_src_args: {split: train}}]}}
stages: [train]
"""


@pytest.fixture
def sizes(check):
    """Return a function that gives what is said about the layers of a model."""

    def run(*lines, init=(), extra="", recipe=RECIPE):
        parts = {"body": lines, "init": init}
        text = {name: "\n".join(f"        {one}" for one in part) for name, part in parts.items()}
        code = HEADER + extra + MODEL.format(**text)
        check(recipe, {"src/model.py": code})
        found = compile_manifest(check.manifest).diagnostics
        return [one for one in found if one.code == "R524"]

    return run


@pytest.mark.parametrize(
    "lines",
    [
        ["x = self.head(self.up(x))"],
        ["x = self.up(x).relu()", "x = self.scores(x)"],
        ["x = self.rnn(x)[0]", "x = self.head(x)"],
        ["_, (h, c) = self.rnn(x)", "x = self.head(torch.cat([h[-2], h[-1]], dim=-1))"],
        ["x = self.head(torch.cat([x, x], -1))"],
        ["x = self.head(halve(x))"],
        ["x = self.up(x)", "for block in self.blocks:", "    x = block(x)"],
        ["x = self.up(x)", "if mask is not None:", "    x = x.masked_fill(mask, 0.0)",
         "x = self.head(x)"],
        ["x = self.head(self.up(x).mean(1))"],
        ["x = x + self.up(x)"],
        ["x = self.head(F.glu(self.up(x), dim=-1))"],
        ["x = self.head(self.up(x) if self.training else self.up(x) * 2)"],
        ["with torch.no_grad():", "    x = self.head(self.up(x))"],
        ["x = self.norm(self.up(x))"],
        ["x = self.convolution(self.up(x).transpose(1, 2))"],
        ["x = self.net(x)"],
    ],
)  # fmt: skip
def test_two_layers_that_do_not_fit(sizes, lines):
    init = [
        "self.norm = nn.LayerNorm(size)",
        "self.convolution = nn.Conv1d(size, size, 3)",
        "self.net = nn.Sequential(nn.Linear(size, 8), nn.ReLU(), nn.Linear(9, size))",
    ]
    assert len(sizes(*lines, init=init)) == 1


@pytest.mark.parametrize(
    "lines",
    [
        ["x = self.head(torch.tanh(self.same(x)))"],
        ["x = self.wide(self.rnn(x)[0])"],
        ["x = self.head(self.up(x).transpose(1, 2))"],
        ["x = self.head(self.up(x).view(-1, 16))"],
        ["x = self.head(self.unknown(self.up(x)))"],
        ["if mask is None:", "    x = self.up(x)", "x = self.head(x)"],
        ["if self.training:", "    x = self.head(self.up(x))"],
        ["if mask is None:", "    return x", "x = self.head(self.up(x))"],
        ["try:", "    x = self.head(self.up(x))", "except RuntimeError:", "    pass"],
        ["x = self.up(x)", "for word in text:", "    x = word", "x = self.head(x)"],
        ["x = self.head(self.replaced(x))"],
        ["x = self.head(self.part(x))"],
        ["x = self.up(x)", "x.resize_(3, 16)", "x = self.head(x)"],
        ["make = lambda: self.head(self.up(x))"],
        ["x = self.up(x)", "import x", "x = self.head(x)"],
        ["x = self.head(self.tied(x))"],
        ["x = self.head(self.grown(x))"],
    ],
)
def test_sizes_that_fit_or_are_not_known(sizes, lines):
    init = [
        "self.replaced = nn.Linear(size, 9)",
        "self.tied = nn.Linear(size, 9)",
        "change(self.tied)",
        "self.grown = nn.Sequential(nn.Linear(size, 9))",
        "self.grown.append(nn.Linear(9, size))",
    ]
    assert sizes(*lines, init=init) == []


@pytest.mark.parametrize(
    ("init", "lines"),
    [
        (["self.last = nn.Linear(size, 24)", "last = nn.Linear(9, 24)"], ["x = self.last(x)"]),
        (["self.inner = nn.ModuleList()", "self.build(size)", "self.last = nn.Linear(24, 3)"],
         ["for one in self.inner:", "    x = one(x)", "x = self.last(x)"]),
        (["self.filled = nn.ModuleList()", "self.last = nn.Linear(24, 3)"],
         ["for one in self.filled:", "    x = one(x)", "x = self.last(x)"]),
        (["self.count = 16", "self.build(size)", "self.last = nn.Linear(self.count, 3)"],
         ["x = self.last(self.up(x))"]),
        (["self.several = nn.ModuleList([self.up])"],
         ["self.several[0] = nn.Linear(16, 16)", "x = self.head(self.several[0](x))"]),
        (["self.several = nn.Sequential(self.up)", "del self.several[0]"],
         ["x = self.head(self.several(x))"]),
        ([], ["with suppress(RuntimeError):", "    x = self.head(self.up(x))"]),
        (["self.last = nn.Linear(WIDTH, 3)"], ["x = self.last(x)"]),
    ],
)  # fmt: skip
def test_what_changes_on_the_way_is_not_known(sizes, init, lines):
    extra = "from contextlib import suppress\n\nWIDTH = 24\n\n\n"
    extra += "def narrow():\n    global WIDTH\n    WIDTH = 16\n\n\n"
    assert sizes(*lines, init=init, extra=extra) == []


@pytest.mark.parametrize(
    "extra",
    [
        "def fill(net):\n    net.blocks.append(nn.Linear(16, 24))\n\n\n",
        "def swap(net):\n    net.head = nn.Linear(24, 30)\n\n\n",
        "def hook(net):\n    net.head.register_forward_pre_hook(print)\n\n\n",
        "def tie(net):\n    net.head.weight = net.embed.weight\n\n\n",
        "def put(net, name):\n    setattr(net, name, None)\n\n\n",
    ],
)
def test_layers_that_code_changes_from_outside(sizes, extra):
    assert sizes("x = self.head(self.up(x))", extra=extra) == []
    assert sizes("x = self.head(self.up(x))")


PARTS = """class Inner(nn.Module):
    def __init__(self, width, out=8):
        super().__init__()
        self.width = width
        self.project = nn.Linear(16, width)

    def forward(self, x, lengths=None):
        return self.project(x), lengths


"""


def test_a_part_of_another_size_is_said_in_the_recipe(sizes):
    part = "{_target_: src.model.Inner, width: 12}"
    recipe = RECIPE.replace("size: 16}", f"size: 16, part: {part}}}")
    found = sizes("x, _ = self.part(x)", "x = self.head(x)", extra=PARTS, recipe=recipe)
    assert [(one.primary.span.text, one.help) for one in found] == [("16", ("write 12 there",))]
    assert found[0].message.startswith("nn.Linear(size, vocab) takes a size of 16, and gets 12")


def test_a_size_that_a_part_tells_fits(sizes):
    recipe = RECIPE.replace("size: 16}", "size: 16, part: {_target_: src.model.Inner, width: 12}}")
    init = ["self.last = nn.Linear(self.part.width, 3)"]
    lines = ["x, _ = self.part(x)", "x = self.last(x)"]
    assert sizes(*lines, init=init, extra=PARTS, recipe=recipe) == []


def test_the_advice_names_what_the_other_layer_has(sizes):
    (found,) = sizes("x = self.head(self.rnn(x)[0])")
    assert found.help == ("write nn.Linear(2 * size, vocab)",)
    (found,) = sizes("x = self.head(self.up(x))")
    assert found.help == ("write nn.Linear(other, vocab)",)
