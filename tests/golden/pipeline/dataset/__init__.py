"""Data of the golden recipe; never built."""


class Dataset:
    """Nothing: no stage is run."""

    def __init__(self, split: str, rate: int = 16000, **others: object) -> None:
        self.split = split
