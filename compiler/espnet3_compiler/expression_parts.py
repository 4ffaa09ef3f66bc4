"""What a text with references consists of."""

from typing import NamedTuple

from espnet3_compiler.source import Span


class Key(NamedTuple):
    """One step of a path: a name or number, or another reference that gives it."""

    name: "str | Lookup | Call"
    span: Span


class Lookup(NamedTuple):
    """``${a.b}``; ``dots`` counts the leading dots of a relative path."""

    dots: int
    keys: tuple[Key, ...]
    span: Span


class Argument(NamedTuple):
    """An argument of a resolver; without quotes, ``null``, ``true`` and numbers mean themselves."""

    parts: "Template"
    quoted: bool
    span: Span


class Call(NamedTuple):
    """``${name:argument,…}``."""

    name: str
    arguments: tuple[Argument, ...]
    span: Span
    name_span: Span


Template = tuple[str | Lookup | Call, ...]
"""A text in pieces; pieces of plain text are unescaped and never stand side by side."""
