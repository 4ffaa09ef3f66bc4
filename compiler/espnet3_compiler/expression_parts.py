"""What a text with references consists of."""

from typing import NamedTuple

from espnet3_compiler.source import Span


class Key(NamedTuple):
    """One step of a path: a name or number, or what gives it."""

    name: "str | Lookup | Call | Joined"
    span: Span


class Joined(NamedTuple):
    """A name of which ``${matrix.NAME}`` is a part, as ``tune_${matrix.round}``."""

    parts: "tuple[str | Lookup | Call, ...]"


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
