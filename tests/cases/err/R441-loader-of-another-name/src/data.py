"""A data module."""

import lightning.pytorch as pl


class Houses(pl.LightningDataModule):
    def train_dataloader(self):
        return []

    def valid_dataloader(self):
        return []
