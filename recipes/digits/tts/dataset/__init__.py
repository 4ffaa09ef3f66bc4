"""Digits spoken by one voice of eSpeak NG, with the times of their phones."""

from .builder import DatasetBuilder
from .dataset import Dataset

__all__ = ["Dataset", "DatasetBuilder"]
