"""The digits of digits/asr with their German translations; who speaks is as there."""

from .builder import DatasetBuilder
from .dataset import Dataset

__all__ = ["Dataset", "DatasetBuilder"]
