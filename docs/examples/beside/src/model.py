"""The model of all jobs, as its author wrote it for Lightning."""

import lightning.pytorch as pl
import torch
from torch.nn import functional


class Net(pl.LightningModule):
    """Two layers that tell the class of a point."""

    def __init__(self, lr: float, hidden: int = 16):
        super().__init__()
        self.lr = lr
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(2, hidden), torch.nn.ReLU(), torch.nn.Linear(hidden, 4)
        )

    def training_step(self, batch, batch_idx):
        loss = functional.cross_entropy(self.layers(batch["x"]), batch["y"])
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch, batch_idx):
        self.log("val_loss", functional.cross_entropy(self.layers(batch["x"]), batch["y"]))

    def test_step(self, batch, batch_idx):
        right = self.layers(batch["x"]).argmax(-1) == batch["y"]
        self.log("accuracy", 100 * right.float().mean())

    def predict_step(self, batch, batch_idx, dataloader_idx=0):
        return {"guess": self.layers(batch["x"]).argmax(-1), "label": batch["y"]}

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), self.lr)
