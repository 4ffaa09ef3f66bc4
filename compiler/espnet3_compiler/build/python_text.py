"""Python source text for names and literals.

Text of a manifest reaches generated code only through here: as a string literal, or as a checked
name.  Several items are written one a line, which ``ruff format`` leaves as it is.
"""

import re
from collections.abc import Iterable, Mapping
from textwrap import TextWrapper, indent

from espnet3_compiler.manifest.names import is_identifier

_WORDS = TextWrapper(
    width=73,
    expand_tabs=False,
    replace_whitespace=False,
    drop_whitespace=False,
    break_long_words=False,
    break_on_hyphens=False,
)
"""Cuts a description that does not fit its line: ``description="…",`` inside two brackets."""


def require_identifier(name: str) -> str:
    """Return a name that may stand in code.

    Raises:
        ValueError: It is no plain ASCII identifier; the checks should have said so before.
    """
    if not is_identifier(name):
        raise ValueError(f"not an identifier: {name!r}")
    return name


def require_dotted_path(path: str) -> str:
    """Return a dotted path that may stand in an import.

    Raises:
        ValueError: A part of it is no identifier.
    """
    return ".".join(require_identifier(part) for part in path.split("."))


def class_name(recipe: str) -> str:
    """Return the name of the System class: ``digits/asr`` gives ``DigitsAsrSystem``."""
    words = [word for word in re.split(r"[^A-Za-z0-9]+", recipe) if word]
    name = "".join(word[0].upper() + word[1:] for word in words) + "System"
    return name if name[0].isalpha() else f"Recipe{name}"


def string_literal(value: str) -> str:
    """Return a string literal with the quotes that ruff prefers."""
    quote = "'" if value.count('"') > value.count("'") else '"'
    return quote + "".join(_escape_char(char, quote) for char in value) + quote


def long_string(value: str) -> str:
    """Return a string literal; a long text becomes adjacent ones, a line each."""
    pieces = [string_literal(piece) for piece in _WORDS.wrap(value)]
    if len(pieces) < 2:  # noqa: PLR2004 - nothing to cut
        return string_literal(value)
    return "\n".join(["(", *(indent(piece, "    ") for piece in pieces), ")"])


def string_tuple(values: Iterable[str]) -> str:
    """Return a tuple of string literals."""
    items = [string_literal(value) for value in values]
    return f"({items[0]},)" if len(items) == 1 else block("(", items, ")")


def string_map(values: Mapping[str, str]) -> str:
    """Return a dictionary of string literals."""
    items = [f"{string_literal(key)}: {string_literal(value)}" for key, value in values.items()]
    return block("{", items, "}")


def block(opening: str, items: list[str], closing: str) -> str:
    """Return items between brackets, one a line where there are several.

    Args:
        opening: For example ``StageSpec(``.
        items: The items, which may take several lines themselves.
        closing: For example ``)`` or ``) -> None:``.
    """
    body = "".join(items)
    if len(items) < 2 and "\n" not in body:  # noqa: PLR2004 - a single item
        return f"{opening}{body}{closing}"
    return "\n".join([opening, *(indent(f"{item},", "    ") for item in items), closing])


def _escape_char(char: str, quote: str) -> str:
    if char in (quote, "\\"):
        return f"\\{char}"
    return char if char.isprintable() else repr(char)[1:-1]
