"""Connected digits spoken by eSpeak NG: the data of this recipe."""

from dataset.builder import DatasetBuilder
from dataset.dataset import Dataset

__all__ = ["Dataset", "DatasetBuilder"]
