"""A function that is a stage."""

from pathlib import Path


def write_mark(text: str, path: str) -> None:
    """Write a text into a file."""
    Path(path).write_text(text, encoding="utf-8")
