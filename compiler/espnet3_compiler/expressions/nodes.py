"""The nodes of a text with references."""

from msgspec import Struct

from espnet3_compiler.diagnostics.source import Span

NAMESPACES = ("configs", "models", "stages")
"""The first key of a path into the manifest's declarations."""
MATRIX = "matrix"
"""The first key of a path into the row of a matrix."""
KNOWN_RESOLVERS = (
    *("self_name", "config_path", "load_line", "set_corpus_and_system"),
    *("oc.env", "oc.select"),
)
"""Every resolver; ``oc.env`` is bound when a stage runs, ``oc.select`` is a kind of reference."""


class Key(Struct, frozen=True):
    """One step of a path: a name or number, or a reference to one."""

    name: "str | Lookup | Call | JoinedKey"
    span: Span


class JoinedKey(Struct, frozen=True):
    """A name of which ``${matrix.NAME}`` is a part, as ``tune_${matrix.round}``."""

    parts: "tuple[str | Lookup | Call, ...]"


class Lookup(Struct, frozen=True):
    """``${a.b}``; ``dots`` counts the leading dots of a relative path."""

    dots: int
    keys: tuple[Key, ...]
    span: Span


class Argument(Struct, frozen=True):
    """An argument of a resolver; without quotes, ``null``, ``true`` and numbers mean themselves."""

    parts: "Template"
    quoted: bool
    span: Span


class Call(Struct, frozen=True):
    """``${name:argument,…}``."""

    name: str
    arguments: tuple[Argument, ...]
    span: Span
    name_span: Span


Template = tuple[str | Lookup | Call, ...]
"""A text in pieces; pieces of plain text are unescaped and never stand side by side."""
