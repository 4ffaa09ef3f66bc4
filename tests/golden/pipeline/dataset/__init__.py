"""Data of the golden recipe; never built."""


class Dataset:
    """Nothing: no stage is run."""

    def __init__(self, split: str, rate: int = 16000, **others: object) -> None:
        self.split = split

    def __len__(self) -> int:
        return 0

    def __getitem__(self, index: int) -> dict[str, str]:
        return {"speech": "", "text": ""}


class DatasetBuilder:
    """Nothing is built."""

    def is_source_prepared(self, **options: object) -> bool:
        return bool(options)

    def prepare_source(self, **options: object) -> None:
        """Nothing to fetch."""

    def is_built(self, **options: object) -> bool:
        return bool(options)

    def build(self, **options: object) -> None:
        """Nothing to make."""
