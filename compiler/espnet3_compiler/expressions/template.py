r"""References in texts: ``${a.b}``, ``${.b}``, ``${a.${b}}``, ``${a[0]}``, ``${name:arg,…}``.

The grammar is that of OmegaConf 2.3 (https://omegaconf.readthedocs.io/en/2.3_branch/grammar.html)
as far as recipes use it: not the lists and mappings as resolver arguments, nor computed resolver
names.  Beyond it, ``${matrix.NAME}`` may be a part of a key: ``${stages.tune_${matrix.round}.x}``.
``\${`` is a literal ``${``; a text without any ``${`` means itself, backslashes and all.
"""

import re
from collections.abc import Iterable
from functools import lru_cache

from msgspec import Struct

from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.diagnostics.source import Source, Span
from espnet3_compiler.expressions.nodes import Template
from espnet3_compiler.expressions.parser import BadExpressionError, TemplateParser
from espnet3_compiler.syntax.tree import Node, Scalar, Value

_OPENINGS = re.compile(r"(\\*)(\$\{)")
_BARE = r"[A-Za-z0-9_./+@%*?|-]+"
_IN_QUOTES = r"(\\*)('|\$\{|$)"
_INTEGER = r"[-+]?(?:0|[1-9][0-9_]*)"
_FLOAT = r"[-+]?(?:(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:e[-+]?[0-9]+)?|[0-9]+e[-+]?[0-9]+|inf|nan)"
_LITERALS: dict[str, Value] = {"null": None, "true": True, "false": False}

MAX_NESTED = 80
"""Levels of references inside references after resolution."""


class RuntimeReference(Struct, frozen=True):
    """A reference whose value is known only when a stage runs, in its normal spelling."""

    text: str
    span: Span


def has_reference(value: object) -> bool:
    r"""Return whether a value is a text with a ``${`` that is not escaped."""
    if not isinstance(value, str) or "${" not in value:
        return False
    return any(len(match[1]) % 2 == 0 for match in _OPENINGS.finditer(value))


def is_unresolved(node: Node) -> bool:
    """Return whether a node is a text whose value cannot be known before a stage runs.

    After resolution these are the texts with ``${oc.env:…}`` or ``${stages.…}``, and those whose
    mistakes have been reported.
    """
    return isinstance(node, Scalar) and has_reference(node.value)


def parse(scalar: Scalar) -> tuple[Template, Diagnostic | None]:
    """Split a text into plain text and references.

    Args:
        scalar: A scalar whose value is a text.

    Returns:
        The pieces, and the first mistake in them (R304); with a mistake the pieces are empty.
    """
    assert isinstance(scalar.value, str)
    if "${" not in scalar.value:
        return (scalar.value,), None
    try:
        return TemplateParser(scalar, scalar.value).parse_text(), None
    except BadExpressionError as error:
        return (), error.finding


@lru_cache(maxsize=256)
def parse_resolved(text: str) -> Template:
    """Split a text that resolution made: what it copied into defaults may be nested deeper."""
    scalar = Scalar(text, Span(Source("", text), 0, len(text)))
    return TemplateParser(scalar, text, deepest=MAX_NESTED).parse_text()


def render_text(pieces: Iterable[str | RuntimeReference]) -> str:
    r"""Return the text that means the pieces: ``${`` in plain text becomes ``\${``."""
    result = ""
    merged = _join_texts(pieces)
    for index, piece in enumerate(merged):
        if isinstance(piece, RuntimeReference):
            result += piece.text
            continue
        text = _OPENINGS.sub(r"\1\1\\\2", piece)
        if index + 1 < len(merged):
            text += "\\" * (len(text) - len(text.rstrip("\\")))
        result += text
    return result


def render_call(name: str, arguments: Iterable[tuple[str | RuntimeReference, ...] | None]) -> str:
    """Return the normal spelling of a resolver call; an argument None is ``null``."""
    return f"${{{name}:{','.join(_render_argument(pieces) for pieces in arguments)}}}"


def parse_literal(text: str) -> Value:
    """Return the value of a resolver's argument that was written without quotes."""
    if text.lower() in _LITERALS:
        return _LITERALS[text.lower()]
    if len(text) <= len("1") * 1000 and re.fullmatch(_INTEGER, text):
        return int(text)
    return float(text) if re.fullmatch(_FLOAT, text, re.IGNORECASE) else text


def _render_argument(pieces: tuple[str | RuntimeReference, ...] | None) -> str:
    if pieces is None:
        return "null"
    merged = _join_texts(pieces)
    if len(merged) == 1:
        only = merged[0]
        if isinstance(only, RuntimeReference):
            return only.text
        if re.fullmatch(_BARE, only) and isinstance(parse_literal(only), str):
            return only
    inner = "".join(
        one.text if isinstance(one, RuntimeReference) else re.sub(_IN_QUOTES, _escape_match, one)
        for one in merged
    )
    return f"'{inner}'"


def _escape_match(match: re.Match[str]) -> str:
    slashes, what = match.groups()
    return slashes * 2 + ("\\" + what if what else "")


def _join_texts(pieces: Iterable[str | RuntimeReference]) -> list[str | RuntimeReference]:
    merged: list[str | RuntimeReference] = []
    for piece in pieces:
        last = merged[-1] if merged else None
        if isinstance(piece, str) and isinstance(last, str):
            merged[-1] = last + piece
        elif piece != "":
            merged.append(piece)
    return merged
