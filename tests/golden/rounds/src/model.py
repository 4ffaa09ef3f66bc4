"""A model of the golden recipe: only its signature is read."""


class Encoder:
    def __init__(self, size: int) -> None:
        self.size = size
