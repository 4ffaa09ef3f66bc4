"""Models that are a ``LightningModule``, and data from a ``LightningDataModule``."""

import json
from collections import Counter

import lightning.pytorch as pl
import pytest
import torch

from espnet3_runtime.data.tokens import Spelling, SpeltBatch
from espnet3_runtime.errors import Stopped, UserError
from espnet3_runtime.stages.train import train
from tests.runtime.training_kit import (
    CLASSIFIER,
    ONE,
    SETS,
    load,
    same,
    spec,
    stop_after,
    train_context,
    weights,
)

OWN = '''
"""A module with hooks, a manual one, and a data module, as for the LightningCLI."""
import lightning.pytorch as pl
import torch
from torch.utils.data import DataLoader, TensorDataset


class Net(pl.LightningModule):
    def __init__(self, lr=0.05, dropout=0.0, layer=None):
        super().__init__()
        self.save_hyperparameters()  # with the layer, an object
        self.body = layer or torch.nn.Linear(2, 8)
        self.dropout = torch.nn.Dropout(dropout)
        self.head = torch.nn.Linear(8, 4)
        self.called = []

    def loss(self, batch):
        x, y = (batch["speech"].mean(1), batch["label"]) if isinstance(batch, dict) else batch
        logits = self.head(self.dropout(torch.relu(self.body(x))))
        return torch.nn.functional.cross_entropy(logits, y)

    def training_step(self, batch, batch_idx):
        loss = self.loss(batch)
        self.log("train_loss", loss, on_step=True, on_epoch=True, prog_bar=True)
        return loss

    def validation_step(self, batch, batch_idx):
        self.log("val_loss", self.loss(batch), prog_bar=True)
        self.log("best", -self.loss(batch))

    def on_train_epoch_end(self):
        self.log("by_hook", float(self.current_epoch))

    def configure_optimizers(self):
        optimizer = torch.optim.SGD(self.parameters(), self.hparams.lr, momentum=0.9)
        schedule = torch.optim.lr_scheduler.StepLR(optimizer, 4)
        return [optimizer], [{"scheduler": schedule, "interval": "step"}]

    def predict_step(self, batch, batch_idx):
        return {"label": self.head(self.body(batch["speech"].mean(1))).argmax(-1)}


class Manual(Net):
    def __init__(self):
        super().__init__(dropout=0.2)
        self.automatic_optimization = False

    def configure_optimizers(self):
        return [torch.optim.SGD(part.parameters(), 0.05) for part in (self.body, self.head)]

    def training_step(self, batch, batch_idx):
        loss = self.loss(batch)
        for one in self.optimizers():
            one.zero_grad()
        self.manual_backward(loss)
        for one in self.optimizers():
            one.step()
        self.log("train_loss", loss)


class Loading(Net):
    def train_dataloader(self):
        return Blobs().train_dataloader()


class Saving(Net):
    def on_save_checkpoint(self, checkpoint):
        checkpoint["mine"] = type(self)


class Silent(Net):
    def validation_step(self, batch, batch_idx):
        pass


class Blobs(pl.LightningDataModule):
    def __init__(self, size=40, shuffle=True, workers=0, folder=None):
        super().__init__()
        self.save_hyperparameters()
        self.size, self.shuffle, self.workers = size, shuffle, workers

    def sets(self, size):
        generator = torch.Generator().manual_seed(3)
        y = torch.randint(0, 4, (size,), generator=generator)
        return TensorDataset(torch.randn(size, 2, generator=generator) + y[:, None], y)

    def train_dataloader(self):
        return DataLoader(self.sets(self.size), 8, self.shuffle, num_workers=self.workers)

    def val_dataloader(self):
        return DataLoader(self.sets(16), 8)


class Mappings(Blobs):
    """The same for a bare model: fields by name."""
    def train_dataloader(self):
        return DataLoader(self.sets(self.size), 8, self.shuffle, collate_fn=name_fields)

    def val_dataloader(self):
        return DataLoader(self.sets(16), 8, collate_fn=name_fields)


def name_fields(items):
    x, y = map(torch.stack, zip(*items))
    return {"speech": x[:, None], "speech_lengths": torch.ones(len(x)).long(), "label": y}
'''
NET = {"_target_": "src.own.Net"}
STREAMED = """

class Items(Dataset):
    pass


class Stream:
    def __init__(self, items):
        self.items = items

    def __iter__(self):
        return map(self.items.__getitem__, range(len(self.items)))


def Dataset(stream=False, **arguments):
    return Stream(Items(**arguments)) if stream else Items(**arguments)
"""
MANUAL = {"_target_": "src.own.Manual"}
BLOBS = {"_target_": "src.own.Blobs"}
OF_MODULE = {"dataset": None, "datamodule": BLOBS}
STREAM = {"dataset": {**SETS, "train": [{"data_src_args": {"size": 42, "stream": True}}]}}
BEST = [["val_loss", 1, "min"]]
FOLDER = {"_target_": "pathlib.Path", "_args_": ["x"]}
LAYER = {"_target_": "torch.nn.Linear", "in_features": 2, "out_features": 8}


@pytest.fixture
def own(recipe):
    (recipe / "src" / "own.py").write_text(OWN)
    with (recipe / "dataset" / "__init__.py").open("a") as file:
        file.write(STREAMED)
    return recipe


def fit(recipe, model=NET, **changes):
    changes = {"best_model_criterion": BEST, **changes}
    return train(train_context(recipe, model, **changes))


def test_a_module_is_trained_as_lightning_does_it(own):
    """Its optimizers, schedulers and hooks; the same weights as by a Trainer of one's own."""
    data = {**OF_MODULE, "datamodule": {**BLOBS, "shuffle": False}}
    lines, bare = [], {"lr": 0.03}
    SpeltBatch(None, Spelling(4, 1, Counter("ç"))).unpack()  # counted in an earlier stage
    outputs = fit(own, {**NET, **bare}, **data, result=lambda *row: lines.append(row))
    from espnet3_runtime.data.sampler import seed_generators
    from src.own import Blobs, Net

    seed_generators(1)
    module, found = Net(**bare), load(outputs["last_checkpoint"])
    trainer = pl.Trainer(max_epochs=3, accelerator="cpu", logger=False, barebones=True)
    trainer.fit(module, datamodule=Blobs(shuffle=False))
    assert same(dict(module.state_dict()), dict(found["state_dict"]))
    assert found["lr_schedulers"][0]["last_epoch"] == 15
    assert [key for key, _ in lines] == ["best val_loss"]
    best = load(outputs["best_checkpoint"])
    assert sorted(best) == ["epoch", "global_step", "monitor", "state_dict", "value"]
    assert best["state_dict"].keys() == module.state_dict().keys()


def test_what_a_module_logs_is_what_is_measured(own):
    trainer = {"log_every_n_steps": 5, "max_epochs": 2}
    criteria = [["train_loss", 2, "min"], ["by_hook", 1, "max"], *BEST]
    outputs = fit(own, **OF_MODULE, trainer=trainer, best_model_criterion=criteria)
    rows = [json.loads(line) for line in outputs["curves"].read_text().splitlines()]
    named = [(row["at"], row["step"], sorted(row.keys() - {"at", "epoch", "step", "seconds"}))
             for row in rows]  # fmt: skip
    assert named[:3] == [
        ("step", 5, ["lr", "train_loss"]),
        ("epoch", 5, ["best", "val_loss"]),
        ("epoch", 5, ["by_hook", "lr", "train_loss"]),
    ]
    assert len(named) == 6
    kept = sorted(path.name for path in outputs["curves"].parent.glob("epoch*"))
    assert "epoch2_step10_by_hook.ckpt" in kept
    assert {name.partition("_")[2].partition("_")[2] for name in kept} == {
        "train_loss.ckpt", "by_hook.ckpt", "val_loss.ckpt"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("model", "data", "polls"),
    [
        ({**NET, "dropout": 0.2}, OF_MODULE, 3),
        ({**NET, "dropout": 0.2, "layer": LAYER}, OF_MODULE, 8),
        ({**NET, "dropout": 0.2}, OF_MODULE, 6),
        ({**NET, "dropout": 0.2}, {"ema": {"decay": 0.9}}, 10),
        ({**NET, "dropout": 0.2}, STREAM, 8),
        ({**NET, "dropout": 0.2}, STREAM, 7),
        (MANUAL, OF_MODULE, 8),
        ({"_target_": "src.own.Loading"}, {"dataset": None}, 8),
        (CLASSIFIER, {**OF_MODULE, "datamodule": {"_target_": "src.own.Mappings"},
                      "ema": {"decay": 0.9}}, 8),
    ],
)  # fmt: skip
def test_a_training_that_was_cut_goes_on_to_the_same(own, model, data, polls):
    monitor = "valid/loss" if "Class" in model["_target_"] else "val_loss"
    monitor = "train_loss" if "Loading" in model["_target_"] else monitor
    changes = {**data, "best_model_criterion": [[monitor, 2, "min"]], "model": model}
    whole = _state(train(train_context(own, **changes)))
    for path in own.glob("exp/**/train"):
        path.rename(path.with_name("whole"))
    with pytest.raises(Stopped):
        train(train_context(own, stop=stop_after(polls), **changes))
    assert same(_state(train(train_context(own, resume=True, **changes))), whole)


def _state(outputs):
    directory = outputs["best_checkpoint"].parent
    files = {path.name: load(path) for path in directory.glob("*.ckpt")}
    del files["last.ckpt"]["callbacks"]  # kept files have times
    return files


def test_freezing_initial_weights_averages_and_early_stopping(own):
    first = fit(own, **OF_MODULE)
    before = weights(first, "best_checkpoint")
    kept = first["best_checkpoint"].rename(own / "start.ckpt")
    stop = {"monitor": "best", "mode": "min", "patience": 1}
    again = fit(own, **OF_MODULE, freeze=["body"], reinit=["head"], ema={"decay": 0.5},
                spec=spec(str(kept)), early_stopping=stop, trainer={"max_epochs": 9})  # fmt: skip
    after = weights(again, "last_checkpoint")
    assert torch.equal(after["body.weight"], before["body.weight"])
    assert not torch.equal(after["head.weight"], before["head.weight"])
    last = load(again["last_checkpoint"])
    assert last["epoch"] < 8
    averaged = last["espnet3"]["average"]["weights"]["head.weight"]
    assert not torch.equal(averaged, after["head.weight"])


@pytest.mark.parametrize(
    ("model", "changes", "message", "where"),
    [
        (NET, {"datamodule": {"_target_": "src.model.Classifier"}}, "is a lightning.pytorch.Light",
         "training.datamodule"),
        (NET, {"datamodule": None}, "there is no training set", "training.dataset.train"),
        (NET, {"best_model_criterion": [["valid/loss", 1, "min"]]}, '"valid/loss" is not logged',
         "training.best_model_criterion"),
        (NET, {"early_stopping": {"monitor": "los"}}, '"los" is not logged',
         "training.early_stopping.monitor"),
        ({"_target_": "src.own.Silent"}, {}, '"val_loss" is not logged',
         "training.best_model_criterion"),
        (MANUAL, {"trainer": {"gradient_clip_val": 1.0}}, "clipping is not supported for manual",
         "training.trainer"),
    ],
)  # fmt: skip
def test_what_is_refused(own, model, changes, message, where):
    values = {**OF_MODULE, "best_model_criterion": BEST, "trainer": ONE, **changes}
    with pytest.raises(UserError, match=message) as caught:
        train(train_context(own, model, **values))
    assert caught.value.where == where


def test_a_module_of_the_other_lightning_is_refused(own):
    (own / "src" / "other.py").write_text(OWN.replace("lightning.pytorch", "pytorch_lightning"))
    with pytest.raises(UserError, match="is a LightningModule of pytorch_lightning"):
        fit(own, {"_target_": "src.other.Net"}, **OF_MODULE)


@pytest.mark.parametrize(
    ("model", "data", "monitor", "key", "left"),
    [
        ({**NET, "layer": LAYER}, BLOBS, "val_loss", "hyper_parameters",
         {"lr": 0.05, "dropout": 0.0}),
        (CLASSIFIER, {"_target_": "src.own.Mappings", "folder": FOLDER}, "valid/loss",
         "datamodule_hyper_parameters", {"size": 40, "shuffle": True, "workers": 0}),
    ],
)  # fmt: skip
def test_last_checkpoints_are_without_objects_among_hyper_parameters(
    own, model, data, monitor, key, left
):
    changes = {"dataset": None, "datamodule": data, "best_model_criterion": [[monitor, 1, "min"]]}
    first = train(train_context(own, model, **changes, trainer=ONE))["last_checkpoint"]
    assert load(first)[key] == left
    kept = first.rename(own / "elsewhere.ckpt")
    for named in ({"spec": spec(str(kept))}, {"fit": {"ckpt_path": str(kept)}}):
        again = train(train_context(own, model, **changes, **named))
        assert load(again["last_checkpoint"])["global_step"] == 15


def test_a_module_that_saves_objects_is_warned_and_not_read(own, caplog):
    model = {"_target_": "src.own.Saving"}
    polls = stop_after(8)
    with pytest.raises(Stopped):
        fit(own, model, **OF_MODULE, stop=polls)
    assert "could not go on: " in caplog.text
    assert "it holds src.own.Saving;" in caplog.text
    with pytest.raises(UserError, match=r"data: it holds src\.own\.Saving"):
        fit(own, model, **OF_MODULE, resume=True)


def test_validation_in_every_second_epoch(own):
    trainer = {"max_epochs": 4, "check_val_every_n_epoch": 2}
    outputs = fit(own, **OF_MODULE, trainer=trainer, best_model_criterion=[["val_loss", 3, "min"]])
    kept = {path.name for path in outputs["curves"].parent.glob("epoch*")}
    assert kept == {"epoch2_step10_val_loss.ckpt", "epoch4_step20_val_loss.ckpt"}
