"""What a text with references consists of."""

from dataclasses import dataclass, field

from espnet3_compiler.source import Span


@dataclass(frozen=True, slots=True)
class Key:
    """One step of a path: a name or number, or another reference that gives it."""

    name: "str | Lookup | Call"
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Lookup:
    """``${a.b}``; ``dots`` counts the leading dots of a relative path."""

    dots: int
    keys: tuple[Key, ...]
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument of a resolver; without quotes, ``null``, ``true`` and numbers mean themselves."""

    parts: "Template"
    quoted: bool
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Call:
    """``${name:argument,…}``."""

    name: str
    arguments: tuple[Argument, ...]
    span: Span = field(compare=False)
    name_span: Span = field(compare=False)


Template = tuple[str | Lookup | Call, ...]
"""A text in pieces; pieces of plain text are unescaped and never stand side by side."""
