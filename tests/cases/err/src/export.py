"""Functions that call stages run."""

from pathlib import Path


def to_onnx(checkpoint: Path, path: Path, opset: int = 17) -> None:
    """Write a model for other runtimes."""


def count(report: str = "", weights: str = "") -> None:
    """Count, and write a report."""
