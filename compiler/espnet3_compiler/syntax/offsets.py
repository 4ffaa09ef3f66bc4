"""Where a character of a scalar's value stands in the raw text of the file.

YAML folds lines, drops indentation and decodes escapes, so offsets in the value and in the text
differ.  But all characters other than white space appear in both in the same order.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from espnet3_compiler.diagnostics.source import Span
from espnet3_compiler.syntax.tree import Scalar

_BLANK = frozenset(" \t\r\n\x85\u2028\u2029")
_ESCAPE = r"\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|\r\n|.)"
_HEX = frozenset("xuU")
_NAMED = dict(
    zip('0abt\tnvfre "\\/N_LP', '\0\a\b\t\t\n\v\f\r\x1b "\\/\x85\xa0\u2028\u2029', strict=True)
)
_Unit = tuple[str, int, int]


def scalar_span(scalar: Scalar, start: int, end: int) -> Span:
    """Return the span of ``scalar.value[start:end]``; that of the scalar where there is none.

    Args:
        scalar: A text.
        start: Where the part begins in its value.
        end: Where it ends.
    """
    base, raw, value = scalar.span.start, scalar.span.text, scalar.value
    assert isinstance(value, str)
    if raw == value:
        return Span(scalar.span.source, base + start, base + end)
    if raw[1:-1] == value and scalar.style in ("single", "double"):
        return Span(scalar.span.source, base + 1 + start, base + 1 + end)
    units = _cached_alignment(value, raw, scalar.style)
    if units is None or start >= end:
        return scalar.span
    return Span(scalar.span.source, base + units[start][1], base + units[end - 1][2])


@lru_cache(maxsize=1)
def _cached_alignment(value: str, raw: str, style: str) -> list[_Unit] | None:
    """Align a text once, however many references it holds."""
    return _align_units(value, list(_raw_units(raw, style)))


def _align_units(value: str, units: Sequence[_Unit]) -> list[_Unit] | None:
    """Return a raw unit for every character of the value, or None if they do not match."""
    result: list[_Unit] = []
    visible = iter([unit for unit in units if unit[0] not in _BLANK])
    last: _Unit = ("", 0, 0)
    for char in value:
        if char in _BLANK:
            result.append((char, last[2], last[2]))
            continue
        last = next(visible, ("", 0, 0))
        if last[0] != char:
            return None
        result.append(last)
    return result if next(visible, None) is None else None


def _raw_units(raw: str, style: str) -> Iterator[_Unit]:
    """Yield every character that the raw text stands for, with its start and end."""
    if style == "double":
        yield from _double_quoted_units(raw)
        return
    at, end = 0, len(raw)
    if style == "single":
        at, end = 1, end - 1
    elif style in ("literal", "folded"):
        at = raw.find("\n") + 1 or end
    while at < end:
        width = 2 if style == "single" and raw.startswith("''", at) else 1
        yield raw[at], at, at + width
        at += width


def _double_quoted_units(raw: str) -> Iterator[_Unit]:
    at, end = 1, len(raw) - 1
    escape = re.compile(_ESCAPE, re.DOTALL)
    while at < end:
        match = escape.match(raw, at, end) if raw[at] == "\\" else None
        if match is None:
            yield raw[at], at, at + 1
            at += 1
            continue
        char = match.group()[1]
        if char in _HEX:
            digits = match.group()[2:]
            yield chr(int(digits, base=16)), at, match.end()
        elif char in _NAMED:
            yield _NAMED[char], at, match.end()
        at = match.end()
