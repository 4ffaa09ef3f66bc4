"""Models and data modules that are written for Lightning."""

import pytest

MODEL = """\
import lightning.pytorch as pl
import torch


class Base(pl.LightningModule):
    def __init__(self, width: int = 8, lr: float = 1e-3) -> None:
        super().__init__()
        self.lr = lr
        self.out = torch.nn.Linear(width, 1)

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=self.lr)


class Net(Base):
    def training_step(self, batch, batch_idx):
        loss = self.out(batch["x"]).mean()
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch, batch_idx):
        self.log_dict({"val_loss": self.out(batch["x"]).mean()})


class Manual(Base):
    def __init__(self, width: int = 8) -> None:
        super().__init__(width)
        self.automatic_optimization = False

    def training_step(self, batch, batch_idx):
        loss = self.out(batch["x"]).mean()
        self.log("train_loss", loss)
        self.manual_backward(loss)
        self.optimizers().step()


class Stepless(Base):
    def on_train_epoch_end(self, outputs):
        self.log("train_loss", 1.0)
"""
DATA = """\
import lightning.pytorch as pl


class Numbers(pl.LightningDataModule):
    def __init__(self, size: int = 8) -> None:
        super().__init__()
        self.size = size

    def train_dataloader(self):
        return [{"x": self.size}]

    def val_dataloader(self):
        return [{"x": self.size}]


class Others:
    def train_dataloader(self):
        return []
"""
RECIPE = """\
version: 1
recipe: mini/numbers
system: base
models:
  net: {_target_: src.model.Net, lr: 0.01}
  manual: {_target_: src.model.Manual}
  stepless: {_target_: src.model.Stepless}
configs:
  training:
    datamodule: {_target_: src.data.Numbers, sizes: 9}
    optimizer: {_target_: torch.optim.Adam, lr: -0.01}
    scheduler_interval: epoch
    nan_policy: error
    best_model_criterion: [[val_los, 1, min]]
    early_stopping: {patience: 3}
  slow:
    extends: training
    trainer: {gradient_clip_val: 1.0, accumulate_grad_batches: 2}
    ~optimizer:
    ~scheduler_interval:
    ~nan_policy:
    best_model_criterion: [[train_loss, 1, min]]
    early_stopping: null
    datamodule: {_target_: src.data.Numbers}
  other: {datamodule: {_target_: src.data.Others}, best_model_criterion: [[train_loss, 1, min]]}
stages:
  - {name: train, run: train, config: training, model: net}
  - {name: manual, run: train, config: slow, model: manual}
  - {name: stepless, run: train, config: other, model: stepless}
  - {name: collect_stats, run: collect_stats, config: other}
"""


def test_what_a_lightning_module_decides_lacks_and_logs(check):
    assert check(RECIPE, {"src/model.py": MODEL, "src/data.py": DATA}) == [
        ("R502", "sizes"),
        ("R437", "optimizer"),  # scheduler_interval and nan_policy beside it
        ("R412", "val_los"),
        ("R412", "early_stopping"),
        ("R437", "gradient_clip_val"),
        ("R425", "src.data.Others"),
        ("R603", "collect_stats"),
        ("R425", "Stepless"),
        ("R429", "def on_train_epoch_end"),
    ]


NET = """
import lightning.pytorch as pl

def log_it(name, module): module.log(name, 1)

class Net(pl.LightningModule):
    def __init__(self, manual=False):
        super().__init__()
        if manual:
            self.automatic_optimization = False
    def training_step(self, batch, batch_idx): self.log("train_loss", 1)
    def configure_optimizers(self): return 1
    def validation_step(self, batch, batch_idx): STEP

class Mixin:
    def on_validation_epoch_end(self): self.log("val_loss", 1)

class Mixed(Net, Mixin): ...

def make(): return Net()
"""
UNSURE = """\
version: 1
recipe: mini/numbers
system: asr
models: {net: {_target_: src.model.%s}}
configs:
  training:
    datamodule: {_target_: src.data.Numbers}
    tokenizer: {train_file: src/data.py, vocab_size: 20}
    best_model_criterion: [[val_loss, 1, min]]
    trainer:
      gradient_clip_val: 1.0
      callbacks: [{_target_: lightning.pytorch.callbacks.LearningRateFinder}]
stages: [train_tokenizer, train]
"""


TEST_STEP = """

    def test_step(self, batch, batch_idx=0):
        self.log("val_loss", 1)"""


@pytest.mark.parametrize(
    ("step", "name", "found"),
    [
        ('self.log("val_los", 1)', "Net", [("R412", "val_loss")]),
        (f'self.log("a", 1){TEST_STEP}', "Net", [("R412", "val_loss")]),
        (f"self.test_step(batch){TEST_STEP}", "Net", []),
        ('log_it("val_loss", module=self)', "Net", []),
        ('(log := self.log)("val_loss", 1)', "Net", []),
        ('module = self; module.log("val_loss", 1)', "Net", []),
        ("pass", "Mixed", []),
        ("pass", "make", []),
    ],
)
def test_what_a_module_may_log_or_decide_is_left_to_it(check, step, name, found):
    files = {"src/model.py": NET.replace("STEP", step), "src/data.py": DATA}
    assert check(UNSURE % name, files) == found
