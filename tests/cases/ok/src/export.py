"""Functions that call stages run."""

from pathlib import Path


def to_onnx(checkpoint: Path, path: Path, opset: int = 17) -> None:
    """Write a model for other runtimes."""
