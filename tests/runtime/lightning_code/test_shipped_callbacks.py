"""Every callback that Lightning ships, beside a bare model and beside a LightningModule.

``docs/lightning.md`` says of each whether it works; ``tests/compiler/checks/test_callbacks.py``
holds those that are refused.
"""

import io
import logging
import re
from pathlib import Path

import lightning.pytorch.callbacks as shipped
import pytest

from espnet3_runtime.errors import Stopped, UserError
from espnet3_runtime.stages.train import train
from tests.runtime.lightning_code.test_modules import NET, OWN
from tests.runtime.training_kit import CLASSIFIER, load, rows, same, stop_after, train_context

PAGE = (Path(__file__).parents[3] / "docs" / "lightning.md").read_text()
ROWS = dict(re.findall(r"^\| `(\w+)` \| ([^|]+?) \|", PAGE, re.MULTILINE))
L = "lightning.pytorch.callbacks."
PARTS = """
import torch
from lightning.pytorch.callbacks import BaseFinetuning, GradientAccumulationScheduler
from src.own import Blobs, Net


def say(trainer, module):
    print("said")


def count_items(batch):
    return len((batch[1] if isinstance(batch, (tuple, list)) else batch)["label"])


def accumulate():
    return GradientAccumulationScheduler({0: 1, 1: 2})


class Tuned(Net):
    def __init__(self):
        super().__init__()
        self.lr, self.backbone = 0.05, torch.nn.Linear(2, 8)
        self.body = torch.nn.Sequential(self.backbone)

    def configure_optimizers(self):
        return torch.optim.SGD((p for p in self.parameters() if p.requires_grad), self.lr)


class Batches(Blobs):
    batch_size = 2

    def train_dataloader(self):
        return torch.utils.data.DataLoader(self.sets(self.size), self.batch_size)


class Finetuning(BaseFinetuning):
    def freeze_before_training(self, module):
        self.freeze(getattr(module, "model", module).head)

    def finetune_function(self, module, epoch, optimizer):
        pass
"""
WORKING = [
    {"_target_": f"{L}Callback"},
    {"_target_": f"{L}Checkpoint"},
    {"_target_": f"{L}DeviceStatsMonitor", "cpu_stats": True},
    {"_target_": f"{L}EarlyStopping", "monitor": "MONITOR"},
    {"_target_": f"{L}LambdaCallback",
     "on_fit_end": {"_target_": "src.parts.say", "_partial_": True}},
    {"_target_": f"{L}LearningRateMonitor"},
    {"_target_": f"{L}ModelCheckpoint", "monitor": "MONITOR"},
    {"_target_": f"{L}ModelSummary"},
    {"_target_": f"{L}OnExceptionCheckpoint", "dirpath": "oops"},
    {"_target_": f"{L}SpikeDetection"},
    {"_target_": f"{L}ThroughputMonitor",
     "batch_size_fn": {"_target_": "src.parts.count_items", "_partial_": True}},
    {"_target_": f"{L}Timer", "duration": {"hours": 1}},
    {"_target_": "src.parts.accumulate"},
    {"_target_": "src.parts.Finetuning"},
]  # fmt: skip
BARS = {"bare": [{"_target_": f"{L}TQDMProgressBar"}], "own": [{"_target_": f"{L}RichProgressBar"},
        {"_target_": f"{L}RichModelSummary"}]}  # fmt: skip


@pytest.fixture
def summaries():
    """Return what Lightning logs as a summary."""
    logger, text = logging.getLogger("lightning.pytorch.callbacks.model_summary"), io.StringIO()
    handler = logging.StreamHandler(text)
    logger.addHandler(handler)
    yield text
    logger.removeHandler(handler)


def named(nodes, monitor):
    return [{**one, "monitor": monitor} if "monitor" in one else one for one in nodes]


@pytest.mark.parametrize(
    ("kind", "model", "monitor"), [("bare", CLASSIFIER, "valid/loss"), ("own", NET, "val_loss")]
)
def test_callbacks_that_work(recipe, capsys, summaries, kind, model, monitor):
    (recipe / "src" / "own.py").write_text(OWN)
    (recipe / "src" / "parts.py").write_text(PARTS)
    logger = [{"_target_": "lightning.pytorch.loggers.CSVLogger", "save_dir": "csv"}]
    trainer = {"callbacks": named([*WORKING, *BARS[kind]], monitor), "logger": logger}
    changes = {"best_model_criterion": [[monitor, 1, "min"]], "trainer": trainer}
    outputs = train(train_context(recipe, model, **changes))
    assert outputs["best_checkpoint"].is_file()
    metrics = next(recipe.glob("csv/**/metrics.csv")).read_text().partition("\n")[0].split(",")
    assert {"lr-SGD" if kind == "own" else "lr-Adam", monitor} <= set(metrics)
    assert any(name.startswith("DeviceStatsMonitor") for name in metrics)
    assert list(recipe.rglob("epoch=*.ckpt"))
    printed = capsys.readouterr()
    assert "said" in printed.out
    assert "Total params" in summaries.getvalue()  # of ModelSummary; the rich one prints
    assert ("Total params" in printed.out) == (kind == "own")
    assert "epoch 3/3" in printed.err


OF_MODULE = {"dataset": None, "datamodule": {"_target_": "src.parts.Batches"}}


@pytest.mark.parametrize(
    ("callback", "arguments", "data"),
    [
        ("LearningRateFinder", {"num_training_steps": 10}, {}),
        ("BatchSizeFinder", {"max_trials": 2, "steps_per_trial": 1}, OF_MODULE),
        ("BackboneFinetuning", {"unfreeze_backbone_at_epoch": 1}, {}),
    ],
)
def test_callbacks_that_work_for_a_lightning_module(recipe, callback, arguments, data):
    (recipe / "src" / "own.py").write_text(OWN)
    (recipe / "src" / "parts.py").write_text(PARTS)
    trainer = {"callbacks": [{"_target_": f"{L}{callback}", **arguments}]}
    changes = {**data, "best_model_criterion": [["val_loss", 1, "min"]], "trainer": trainer}
    outputs = train(train_context(recipe, {"_target_": "src.parts.Tuned"}, **changes))
    ended = [row for row in rows(outputs) if row["at"] == "epoch" and "train_loss" in row]
    assert [row["epoch"] for row in ended] == [1, 2, 3]
    assert ended[-1]["train_loss"] < ended[0]["train_loss"]
    assert ended[-1]["step"] == (30 if data else 18)  # the finder doubled the batches of 2


AVERAGES = {"WeightAveraging": {}, "EMAWeightAveraging": {"decay": 0.9}}


def averaging(*names):
    callbacks = [{"_target_": f"{L}{name}", **AVERAGES[name]} for name in names]
    return {"best_model_criterion": [["val_loss", 1, "min"]], "trainer": {"callbacks": callbacks}}


@pytest.mark.parametrize(("name", "polls"), [("WeightAveraging", 3), ("EMAWeightAveraging", 14)])
def test_the_best_weights_are_those_of_an_averaging_callback(recipe, name, polls):
    (recipe / "src" / "own.py").write_text(OWN)
    whole = train(train_context(recipe, NET, **averaging(name)))
    best, last = load(whole["best_checkpoint"]), load(whole["last_checkpoint"])
    assert best["epoch"] == 3  # so both were written after the last step
    assert same(best["state_dict"], last["state_dict"])
    assert not same(best["state_dict"], last["current_model_state"])
    with pytest.raises(Stopped):
        train(train_context(recipe, NET, stop=stop_after(polls), **averaging(name)))
    again = train(train_context(recipe, NET, resume=True, **averaging(name)))
    assert same(load(again["best_checkpoint"]), best)
    last_again = load(again["last_checkpoint"])
    for key in ("state_dict", "current_model_state", "averaging_state", "optimizer_states"):
        assert same(last_again[key], last[key])


@pytest.mark.parametrize(
    ("model", "names", "changes", "said"),
    [
        (CLASSIFIER, ["WeightAveraging"], {}, "WeightAveraging averages the weights of a Lightn"),
        (NET, [*AVERAGES], {}, "EMAWeightAveraging is not the only average of the weights"),
        (NET, ["WeightAveraging"], {"ema": {"decay": 0.9}}, "WeightAveraging is not the only aver"),
    ],
)
def test_an_average_that_is_not_the_only_one(recipe, model, names, changes, said):
    """The checker says it, but of a class of the recipe that derives from Lightning's."""
    (recipe / "src" / "own.py").write_text(OWN)
    with pytest.raises(UserError, match=f"^{said}"):
        train(train_context(recipe, model, **averaging(*names), **changes))


def test_the_page_names_every_callback():
    assert sorted(ROWS) == sorted(shipped.__all__)
    tried = {str(one["_target_"]).rpartition(".")[2] for one in sum(BARS.values(), WORKING)}
    works = {name for name, does in ROWS.items() if does == "works"}
    assert works - tried == {"BaseFinetuning"}  # by a class that derives from it
