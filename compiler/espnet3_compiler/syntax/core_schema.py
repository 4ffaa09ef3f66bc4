"""The scalars of the YAML 1.2 core schema.

PyYAML follows YAML 1.1, in which ``1e-3`` is text, ``on`` is true, ``010`` is eight and ``30:00``
is 1800.  The rules here are those of https://yaml.org/spec/1.2.2/#103-core-schema.
"""

import re
from collections.abc import Callable

from espnet3_compiler.syntax.tree import Value

MAX_DIGITS = 1000
"""Longer numbers are refused: Python converts them in quadratic time and prints none above 4300."""

_WORD_VALUES: dict[str, Value] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}
_NUMBERS: tuple[tuple[re.Pattern[str], Callable[[str], Value]], ...] = (
    (re.compile(r"[-+]?[0-9]+"), int),
    (re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"), float),
    (re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+"), lambda text: int(text, base=0)),
)
_STARTS = frozenset("+-.0123456789")


def core_value(text: str) -> Value:
    """Return the value of a plain (unquoted) scalar.

    Raises:
        OverflowError: The text is a number of more than ``MAX_DIGITS`` characters.
    """
    if text in _WORD_VALUES:
        return _WORD_VALUES[text]
    if text[0] not in _STARTS:
        return text
    for pattern, convert in _NUMBERS:
        if pattern.fullmatch(text):
            if len(text) > MAX_DIGITS:
                raise OverflowError
            return convert(text)
    return text


def describe_type(value: object) -> str:
    """Return what a value is called in messages, with its article."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a truth value"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "text"
    return "a mapping" if hasattr(value, "entries") else "a list"
