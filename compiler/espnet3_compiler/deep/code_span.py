"""Spans of a recipe's code, which the probe names by file, line and columns."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from espnet3_compiler.diagnostics.source import Source, Span
from espnet3_compiler.pipeline import display_name


def code_span(place: Mapping[str, Any] | None) -> Span | None:
    """Return the span of a place; None where there is none, or its file cannot be read."""
    source = _read_source(place["file"]) if place else None
    lines = source.text.count("\n") + 1 if source else 0
    if place is None or source is None or not 1 <= place["line"] <= lines:
        return None
    start = sum(len(text) + 1 for text in source.text.split("\n")[: place["line"] - 1])
    length = len(source.line_text(place["line"]))
    first, last = (min(place[key] - 1, length) for key in ("column", "end_column"))
    return Span(source, start + first, start + max(last, first))


def place_name(place: Mapping[str, Any]) -> str:
    """Return the file and the line of a place."""
    return f"{display_name(Path(place['file']))}:{place['line']}"


def _read_source(file: str) -> Source | None:
    path = Path(file)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None
    return Source(display_name(path), text, path=path)
