"""A module of Lightning whose steps expect pairs."""

import lightning.pytorch as pl
import torch


class Net(pl.LightningModule):
    def __init__(self, width):
        super().__init__()
        self.out = torch.nn.Linear(width, 1)

    def training_step(self, batch, batch_idx):
        speech, label = batch
        return (self.out(speech) - label).abs().mean()

    def validation_step(self, batch, batch_idx):
        speech, label = batch
        self.log("valid/loss", (self.out(speech) - label).abs().mean())

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)
