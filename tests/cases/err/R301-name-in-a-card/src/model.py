"""A model."""


class Net:
    """A layer."""

    def __init__(self, size: int) -> None:
        self.size = size
