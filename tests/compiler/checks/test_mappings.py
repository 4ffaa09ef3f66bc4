"""Samples and batches that code takes for arrays or tuples, and what only resembles that."""

import pytest

from tests.compiler.checks.checks_kit import HEAD

DATA = """
class Dataset:
    def __init__(self, split): ...
    def __len__(self): return 1
    def __getitem__(self, index): return {"speech": self.read(index), "label": [1]}
"""
NET = """
from torch import nn

class Net(nn.Module):
    def __init__(self, size): super().__init__()
    def forward(self, speech, **_): return {"loss": speech.mean()}
"""
TRAIN = """\
configs:
  training:
    dataset:
      train: [{data_src_args: {split: t}, transform: {_target_: src.change.CHANGE}}]
stages: [train]
"""


def in_class(body):
    lines = "".join(f"        {line}\n" for line in body.split("; "))
    return f"class Change:\n    def __call__(self, x):\n{lines}"


@pytest.fixture
def found(check):
    """Return a function that gives the findings about a transform of the recipe."""

    def run(code, change="Change"):
        files = {"src/model.py": NET, "dataset/__init__.py": DATA, "src/change.py": code}
        return check(HEAD + TRAIN.replace("CHANGE", change), files)

    return run


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ("return dict(speech=x * 2)", "x * 2"),
        ("return dict(speech=0.5 * x + 1)", "0.5 * x"),
        ("x = x - self.mean; return dict(speech=x)", "x - self.mean"),
        ("x *= 2; return dict(speech=x)", "x"),
        ("n = x.shape[0]; y = x[:n]; return dict(speech=y)", "x.shape"),
        ("return dict(speech=x[:, 0])", "x[:, 0]"),
        ("return dict(speech=x[-1])", "x[-1]"),
        ("a, b = x; return dict(speech=a)", "a, b"),
        ("for _ in range(2): y = -x; return dict(speech=y)", "-x"),
        ("y = x > 0.5; return dict(speech=y)", "x > 0.5"),
        ("return self.louder(1, x)", "y * 2"),
    ],
)
def test_samples_that_are_taken_for_arrays(found, body, place):
    code = in_class(body) + "    def louder(self, factor, y): return dict(speech=y * 2)\n"
    assert found(code.replace(": y = -x", ":\n            y = -x")) == [("R525", place)]


@pytest.mark.parametrize(
    "body",
    [
        "x['speech'] = x['speech'] * 2; return x",
        "x = x['speech']; x = x * 2; return dict(speech=x[0])",
        "return {k: v * 2 for k, v in x.items()}",
        "return {k: x * 2 for k, x in x.items()}",
        "return x | dict(speech='%(label)s' % x)",
        "if isinstance(x, tuple): x = x[1]; return x",
        "if self.old: return dict(speech=x[0]); return x",
        "y = x.get('speech'); y = y[:3]; return dict(speech=y)",
        "(key, *_) = sorted(x); return dict(speech=x[key])",
        "f = lambda x: x * 2; return dict(speech=f(x['speech']))",
    ],
)
def test_what_a_sample_allows(found, body):
    assert found(in_class(body).replace(": x = x[1]", ":\n            x = x[1]")) == []


def test_functions_and_modules_as_transforms(found):
    function = "def change(x, gain): return dict(speech=x * gain)\n"
    partial = "change, gain: 2, _partial_: true"
    assert found(function, partial) == [("R525", "x * gain")]
    module = (
        "from torch import nn\nclass Change(nn.Module):\n    def forward(self, x): return {1: -x}"
    )
    assert found(module) == [("R525", "-x")]


LIT = """
import lightning.pytorch as pl
class Net(pl.LightningModule):
    def __init__(self, size): super().__init__()
    def training_step(self, batch, batch_idx): return self.step(batch)
    def validation_step(self, batch, batch_idx): return batch[1]
    def step(self, items):
        speech, label = items
        return speech
    def configure_optimizers(self): return 1
"""
STEPS = """\
configs:
  training:
    dataset: {train: [{data_src_args: {split: t}}], valid: [{data_src_args: {split: v}}]}
stages: [train]
"""


@pytest.mark.parametrize(
    ("old", "new", "places"),
    [
        ("", "", ["speech, label"]),
        (", valid: [{data_src_args: {split: v}}]", "", ["speech, label"]),
        ("speech, label = items", "speech = items['speech']", ["batch[1]"]),
        ("    def step", "    def on_after_batch_transfer(self, b, i): return 1\n    def step", []),
    ],
)
def test_the_batches_of_a_lightning_module(check, old, new, places):
    files = {"src/model.py": LIT.replace(old, new), "dataset/__init__.py": DATA}
    found = check(HEAD + STEPS.replace(old, new), files)
    assert [place for code, place in found if code == "R525"] == places


def test_the_batches_of_a_data_module_are_its_own(check):
    start, end = STEPS.index("    dataset"), STEPS.index("stages")
    text = STEPS[:start] + "    datamodule: {_target_: src.data.Numbers}\n" + STEPS[end:]
    data = "import lightning.pytorch as pl\nclass Numbers(pl.LightningDataModule): ...\n"
    assert check(HEAD + text, {"src/model.py": LIT, "src/data.py": data}) == []
