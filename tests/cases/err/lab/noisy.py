"""Noisy speech, and the same without noise."""


class Dataset:
    """Items of a split."""

    def __init__(self, split: str) -> None:
        self.split = split

    def __len__(self) -> int:
        return 0

    def __getitem__(self, index: int) -> dict[str, str]:
        return {"speech": self.split, "clean": self.split}
