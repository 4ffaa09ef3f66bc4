"""What a training of a user's own ``LightningModule`` or ``LightningDataModule`` needs."""
