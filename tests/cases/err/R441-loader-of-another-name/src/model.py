"""A LightningModule."""

import lightning.pytorch as pl
import torch


class Net(pl.LightningModule):
    def __init__(self, size):
        super().__init__()
        self.out = torch.nn.Linear(size, 1)

    def training_step(self, batch, batch_idx):
        return self.out(batch).mean()

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters())
