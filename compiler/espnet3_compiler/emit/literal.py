"""Python source text for literals and names, laid out as ``ruff format`` would.

Text of a manifest reaches generated code only through here: as a string literal, or as a name
that was checked.  Widths are counted in terminal columns, as ruff does.
"""

import keyword
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

LINE_LENGTH = 100
INDENT = 4


@dataclass(frozen=True, slots=True)
class Text:
    """A string literal; one that is too long for its line becomes adjacent strings."""

    value: str


@dataclass(frozen=True, slots=True)
class Group:
    """An opening, items and a closing: on one line where they fit, otherwise one item a line.

    Attributes:
        opening: For example ``StageSpec(``.
        items: Text before each value (``name=``) and the value itself.
        closing: For example ``)`` or ``) -> None:``.
        single: What follows the only item in the one-line form: ``,`` for a tuple.
    """

    opening: str
    items: "tuple[tuple[str, Layout], ...]"
    closing: str
    single: str = ""


Layout = str | Text | Group


def identifier(name: str) -> str:
    """Return a name that may stand in code.

    Raises:
        ValueError: It is no plain ASCII identifier; the checks should have said so before.
    """
    if not name.isascii() or not name.isidentifier() or keyword.iskeyword(name):
        raise ValueError(f"not an identifier: {name!r}")
    return name


def dotted(path: str) -> str:
    """Return a dotted path that may stand in an import.

    Raises:
        ValueError: A part of it is no identifier.
    """
    return ".".join(identifier(part) for part in path.split("."))


def class_name(recipe: str) -> str:
    """Return the name of the System class: ``digits/asr`` gives ``DigitsAsrSystem``."""
    words = [word for word in re.split(r"[^A-Za-z0-9]+", recipe) if word]
    name = "".join(word[0].upper() + word[1:] for word in words) + "System"
    return name if name[0].isalpha() else f"Recipe{name}"


def string(value: str) -> str:
    """Return a string literal with the quotes that ruff prefers."""
    quote = "'" if value.count('"') > value.count("'") else '"'
    return quote + "".join(_escape(char, quote) for char in value) + quote


def strings(values: tuple[str, ...]) -> Group:
    """Return a tuple of string literals."""
    return Group("(", tuple(("", Text(value)) for value in values), ")", single=",")


def string_map(values: Mapping[str, str]) -> Group:
    """Return a dictionary of string literals."""
    items = tuple((f"{string(key)}: ", Text(value)) for key, value in values.items())
    return Group("{", items, "}")


def lay_out(layout: Layout, indent: int = 0, before: str = "", after: str = "") -> str:
    """Return ``before``, a layout and ``after`` as indented lines.

    Args:
        layout: What to write.
        indent: Columns before the first line and the closing one.
        before: Text in front, for example ``name=``.
        after: Text behind, for example a comma.
    """
    line = " " * indent + before + one_line(layout) + after
    if isinstance(layout, str) or width(line) <= LINE_LENGTH:
        return line
    if isinstance(layout, Text):
        opening, closing = "(", ")"
        inner = [" " * (indent + INDENT) + piece for piece in _pieces(layout, indent + INDENT)]
        if len(inner) == 1:
            return line
    else:
        opening, closing = layout.opening, layout.closing
        inner = [lay_out(item, indent + INDENT, label, ",") for label, item in layout.items]
    return "\n".join([" " * indent + before + opening, *inner, " " * indent + closing + after])


def one_line(layout: Layout) -> str:
    """Return a layout on one line, however long."""
    if isinstance(layout, str):
        return layout
    if isinstance(layout, Text):
        return string(layout.value)
    body = ", ".join(label + one_line(item) for label, item in layout.items)
    single = layout.single if len(layout.items) == 1 else ""
    return f"{layout.opening}{body}{single}{layout.closing}"


def width(line: str) -> int:
    """Return how many terminal columns a line takes."""
    return sum(_columns(char) for char in line)


def _escape(char: str, quote: str) -> str:
    if char in (quote, "\\"):
        return f"\\{char}"
    return char if char.isprintable() else repr(char)[1:-1]


def _pieces(text: Text, indent: int) -> Iterator[str]:
    piece = ""
    for word in text.value.split(" "):
        longer = f"{piece} {word}" if piece else word
        if piece.strip() and width(string(longer + " ")) > LINE_LENGTH - indent:
            yield string(piece + " ")
            longer = word
        piece = longer
    yield string(piece)


def _columns(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1
