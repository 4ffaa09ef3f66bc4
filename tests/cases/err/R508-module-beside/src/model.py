"""The model."""

from .feature import LogMel


class Net:
    def __init__(self, size: int): ...
