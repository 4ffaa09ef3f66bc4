"""The data of all jobs: points around four centres, made as they are read."""

import lightning.pytorch as pl
import torch
from torch.utils.data import DataLoader

SIZES = {"train": 512, "easy": 256, "valid": 128, "clean": 128, "noisy": 128}
NOISE = {"train": 0.6, "easy": 0.3, "valid": 0.6, "clean": 0.6, "noisy": 1.0}


class Dataset:
    """A split: each item is a point and its class."""

    def __init__(self, split: str):
        chance = torch.Generator().manual_seed(list(SIZES).index(split))
        self.y = torch.randint(0, 4, (SIZES[split],), generator=chance)
        centres = torch.tensor([[1.0, 1.0], [-1.0, 1.0], [-1.0, -1.0], [1.0, -1.0]])
        spread = NOISE[split] * torch.randn(len(self.y), 2, generator=chance)
        self.x = centres[self.y] + spread

    def __len__(self):
        return len(self.y)

    def __getitem__(self, index):
        return {"x": self.x[index].numpy(), "y": int(self.y[index])}


class Points(pl.LightningDataModule):
    """Batches of 32 points."""

    def __init__(self, train: str = "train"):
        super().__init__()
        self.train = train

    def train_dataloader(self):
        return DataLoader(Dataset(self.train), batch_size=32, shuffle=True)

    def val_dataloader(self):
        return DataLoader(Dataset("valid"), batch_size=32)

    def test_dataloader(self):
        return DataLoader(Dataset("clean"), batch_size=32)

    def predict_dataloader(self):
        return [DataLoader(Dataset(split), batch_size=32) for split in ("clean", "noisy")]
