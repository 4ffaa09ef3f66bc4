"""Modules that make their steps themselves."""

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
