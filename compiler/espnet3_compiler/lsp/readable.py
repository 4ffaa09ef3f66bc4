"""A text without the lines that keep it from being YAML, for questions while it is typed.

A recipe may be broken in several places when an editor opens it: what can be read of it still
tells which names, stages and targets there are.
"""

from espnet3_compiler.diagnostics.source import Source
from espnet3_compiler.syntax.read import read_text

_MOST_LINES = 30
"""How many lines may be left out; each costs one more reading of the text."""


def readable_text(text: str) -> str | None:
    """Return a text whose wrong lines are blank; every offset in it stays what it was.

    Returns:
        The text, itself where nothing is wrong; None where too much is.
    """
    for _ in range(_MOST_LINES):
        source = Source("", text)
        node, found = read_text(source)
        if node is not None or not found:
            return text if node is not None else None
        shorter = _without_line(text, found[-1].primary.span.start)
        if shorter is None:
            return None
        text = shorter
    return None


def without_other_lines(text: str, offset: int) -> str | None:
    """Return a text whose wrong lines are blank but for the line at an offset, which is typed."""
    start = text.rfind("\n", 0, offset) + 1
    end = text.find("\n", offset)
    end = len(text) if end < 0 else end
    cleared = readable_text(text[:start] + " " * (end - start) + text[end:])
    return cleared[:start] + text[start:end] + cleared[end:] if cleared is not None else None


def _without_line(text: str, offset: int) -> str | None:
    """Blank the line at an offset, or the last one above it that is not blank."""
    lines = text.split("\n")
    for number in range(text.count("\n", 0, offset), -1, -1):
        if lines[number].strip():
            lines[number] = " " * len(lines[number])
            return "\n".join(lines)
    return None
