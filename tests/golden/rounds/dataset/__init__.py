"""Data of the golden recipe; never built."""


class Dataset:
    """Nothing: no stage is run."""

    def __init__(self, labels: str | None = None) -> None:
        self.labels = labels
