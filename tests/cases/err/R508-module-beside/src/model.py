"""The model."""

from .feature import LogMel


def count(): ...
