"""Callbacks of Lightning that are refused, each as ``docs/lightning.md`` says."""

import re
from pathlib import Path

import pytest

from tests.compiler.checks.checks_kit import HEAD
from tests.compiler.checks.methods_kit import DATA, MODEL

PAGE = (Path(__file__).parents[3] / "docs" / "lightning.md").read_text()
ROWS = dict(re.findall(r"^\| `(\w+)` \| ([^|]+?) \|", PAGE, re.MULTILINE))
OWN = """
import lightning.pytorch as pl

class Net(pl.LightningModule):
    def __init__(self, size): super().__init__()
    def training_step(self, batch): self.log("valid/loss", 1)
    def configure_optimizers(self): return 1

class Data(pl.LightningDataModule):
    pass
"""
SETS = "dataset: {train: [{data_src_args: {split: t}}], valid: [{data_src_args: {split: v}}]}"
MODULE = "datamodule: {_target_: src.model.Data}"


@pytest.mark.parametrize(
    ("kind", "model", "data"),
    [("bare", MODEL, SETS), ("own", OWN, SETS), ("own with a data module", OWN, MODULE)],
)
def test_what_is_refused(check, kind, model, data):
    alone = "WeightAveraging"  # of two averages one is refused
    refused = refused_of(check, model, data, [name for name in ROWS if name != alone])
    refused += refused_of(check, model, data, [alone])
    works = {"works": True, "refused": False, "works for a LightningModule": kind != "bare",
             "works for a data module": "module" in kind}  # fmt: skip
    assert sorted(refused) == sorted(name for name, does in ROWS.items() if not works[does])


def test_one_average_is_kept(check):
    averages = ["EMAWeightAveraging", "WeightAveraging"]
    assert refused_of(check, OWN, SETS, averages) == averages[1:]
    assert refused_of(check, OWN, f"ema: {{decay: 0.9}}\n    {SETS}", averages[:1]) == averages[:1]


def test_what_writes_to_a_logger_needs_one(check):
    names = ["LearningRateMonitor", "Timer"]
    assert refused_of(check, MODEL, SETS, names) == []
    assert refused_of(check, MODEL, SETS, names, "logger: false, ") == names[:1]


def refused_of(check, model, data, names, more=""):
    """Return the callbacks that are refused in a training with all of these."""
    listed = ", ".join(f"{{_target_: lightning.pytorch.callbacks.{name}}}" for name in names)
    config = f"  training:\n    {data}\n    trainer: {{{more}callbacks: [{listed}]}}\n"
    files = {"src/model.py": model, "dataset/__init__.py": DATA}
    found = check(f"{HEAD}configs:\n{config}stages: [train]\n", files)
    return [place.rpartition(".")[2] for code, place in found if code == "R415"]


LATE = "import pytorch_lightning\n\nclass Late(pytorch_lightning.Callback): ...\n"


@pytest.mark.parametrize(
    ("key", "path", "found"),
    [
        ("callbacks", "lightning.pytorch.callbacks.Timer", None),
        ("callbacks", "pytorch_lightning.callbacks.Timer", "R440"),
        ("callbacks", "src.late.Late", "R440"),
        ("callbacks", "pytorch_lightning.callbacks.StochasticWeightAveraging", "R415"),
        ("logger", "pytorch_lightning.loggers.CSVLogger", "R440"),
        ("plugins", "pytorch_lightning.plugins.Precision", "R438"),
        ("plugins", "lightning.pytorch.plugins.Precision", None),
    ],
)
def test_objects_of_the_other_package(check, key, path, found):
    given = f"{key}: [{{_target_: {path}}}]"
    config = f"  training:\n    {SETS}\n    trainer: {{{given}}}\n"
    files = {"src/model.py": MODEL, "dataset/__init__.py": DATA, "src/late.py": LATE}
    told = check(f"{HEAD}configs:\n{config}stages: [train]\n", files)
    codes = [code for code, _ in told if code in ("R415", "R438", "R440")]
    assert codes == ([found] if found else [])
