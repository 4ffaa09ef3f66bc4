"""A data module, and what is none."""

import lightning.pytorch as pl


class Numbers(pl.LightningDataModule):
    def __init__(self, size: int = 8) -> None:
        super().__init__()
        self.size = size

    def train_dataloader(self):
        return [{"x": self.size}]

    def val_dataloader(self):
        return [{"x": self.size}]
