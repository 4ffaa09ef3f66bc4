"""Export of the golden recipe."""

from pathlib import Path


def to_file(checkpoint: str, path: str, note: str = "") -> None:
    Path(path).write_text(f"{checkpoint}\n{note}", encoding="utf-8")
