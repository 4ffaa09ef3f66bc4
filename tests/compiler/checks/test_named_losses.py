"""Losses by the names of optimizers, and values that are measured beside them."""

import pytest

from espnet3_compiler.pipeline import compile_manifest

OPTIMIZER = "{_target_: torch.optim.SGD, lr: 0.1}"
NAMED = (
    f"optimizers: {{one: {{params: one, optimizer: {OPTIMIZER}}}, "
    f"two: {{params: two, optimizer: {OPTIMIZER}}}}}"
)
SINGLE = f"optimizer: {OPTIMIZER}"
BOTH = '{"one": a, "two": b}'
WRONG = '{"one": a, "tow": b}'


def found(check, body, optimizers=NAMED, monitor="valid/mae"):
    pytest.importorskip("torch")
    text = (
        "version: 1\nrecipe: mini/asr\nsystem: asr\nmodels: {net: {_target_: src.model.Net}}\n"
        f"configs:\n  training:\n    dataset: {{train: [{{}}], valid: [{{}}]}}\n    {optimizers}\n"
        f"    best_model_criterion: [[{monitor}, 1, min]]\nstages: [train]\n"
    )
    lines = "".join(f"        {line}\n" for line in body)
    code = (
        "from torch import nn\n\n\nclass Net(nn.Module):\n    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.one, self.two = nn.Linear(1, 1), nn.Linear(1, 1)\n\n"
        "    def forward(self, speech):\n"
        f"        a, b = self.one(speech), self.two(speech)\n{lines}"
    )
    check(text, {"src/model.py": code})
    outcome = compile_manifest(check.manifest)
    codes = ("R428", "R412")
    return [(f.code, f.primary.span.text) for f in outcome.diagnostics if f.code in codes]


def gives(loss):
    return [f'return {{"loss": {loss}, "mae": a}}']


@pytest.mark.parametrize(
    ("body", "optimizers", "word"),
    [
        (gives(WRONG), NAMED, '"tow"'),
        ([f"losses = {WRONG}", *gives("losses")], NAMED, '"tow"'),
        ([f'return {WRONG}, {{"mae": a}}, 1'], NAMED, '"tow"'),
        ([f"if self.training: return {{'loss': {WRONG}}}", *gives(WRONG)], NAMED, '"tow"'),
        (gives(BOTH), SINGLE, '"one"'),
    ],
)
def test_losses_without_optimizers(check, body, optimizers, word):
    assert found(check, body, optimizers) == [("R428", word)]


@pytest.mark.parametrize(
    ("body", "optimizers"),
    [
        (gives(BOTH), NAMED),
        (gives('{"one": a}'), NAMED),
        (gives("a + b"), NAMED),
        (gives("{**other, 'tow': b}"), NAMED),
        (gives("{name: a for name in ('one', 'tow')}"), NAMED),
        ([f"if self.training: return {{'loss': {BOTH}}}", *gives(WRONG)], NAMED),
        (gives("a + b"), SINGLE),
    ],
)
def test_losses_that_fit(check, body, optimizers):
    assert found(check, body, optimizers) == []


@pytest.mark.parametrize(
    ("loss", "monitor", "codes"),
    [
        (BOTH, "valid/loss", ["R412"]),
        (BOTH, "valid/one/loss", []),
        ('{"one": a}', "valid/loss", []),
        ("a + b", "valid/loss", []),
        ("losses(a, b)", "valid/loss", []),
    ],
)
def test_what_is_measured_beside_them(check, loss, monitor, codes):
    assert [code for code, _ in found(check, gives(loss), monitor=monitor)] == codes
