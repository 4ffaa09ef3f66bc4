"""The data set of the cases."""


class Dataset:
    """Items of a split."""

    def __init__(self, split: str = "train", cost: str = "", **others: object) -> None:
        self.split = split
        self.cost = cost

    def __len__(self) -> int:
        return 0

    def __getitem__(self, index: int) -> dict[str, str]:
        return {"speech": self.split, "text": self.split}


class DatasetBuilder:
    """Makes the data set."""

    def is_source_prepared(self, **options: object) -> bool:
        """Return whether there is nothing to download."""
        return bool(options)

    def prepare_source(self, **options: object) -> None:
        """Download."""

    def is_built(self, **options: object) -> bool:
        """Return whether there is nothing to build."""
        return bool(options)

    def build(self, **options: object) -> None:
        """Build."""
