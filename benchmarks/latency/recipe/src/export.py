"""Export."""

from pathlib import Path


def to_onnx(checkpoint: str, opset: int = 17) -> dict[str, Path]:
    """Write the model of a checkpoint as ONNX."""
    target = Path(checkpoint).with_suffix(f".opset{opset}.onnx")
    return {"onnx": target}
