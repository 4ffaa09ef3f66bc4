"""Ids of the rows of a matrix: readable, safe in names, and the same when other rows are added.

An id holds the names that take several values in the matrix, each with the value as the file writes
it: ``lr1e_3_size64``. What cannot stand in a Python identifier becomes ``_``.
"""

import re
from collections.abc import Sequence

from espnet3_compiler.syntax.tree import Mapping, Scalar, Value

ID = "id"
"""``${matrix.id}`` is the id of the row."""
MAX_VALUE = 24
"""Characters of a value in an id; of a longer one the beginning stands, and a part of its hash."""
MAX_ID = 80
"""Characters of an id: a name is that of a directory and of files in it, of 255 bytes at most."""
_HASH = 6
_UNSAFE = r"[^A-Za-z0-9_]+"


def row_ids(rows: Sequence[Mapping]) -> tuple[str, ...]:
    """Return the id of every row of a matrix, in their order.

    Args:
        rows: All rows, those too that the recipe leaves out.
    """
    names = list(dict.fromkeys(entry.name for row in rows for entry in row))
    varying = [name for name in names if _count_values(name, rows) > 1] or names[:1]
    return tuple(_row_id(row, varying) for row in rows)


def value_key(node: object) -> tuple[bool, Value]:
    """Return what two values of a matrix have in common when they are equal; ``1`` is not true."""
    value = node.value if isinstance(node, Scalar) else None
    return isinstance(value, bool), value


def _count_values(name: str, rows: Sequence[Mapping]) -> int:
    return len({value_key(row.get(name)) for row in rows})


def _row_id(row: Mapping, names: Sequence[str]) -> str:
    parts = [(entry.name, entry.value) for entry in row if entry.name in names]
    words = [_name_and_value(name, node) for name, node in parts if isinstance(node, Scalar)]
    return _shortened("_".join(words), MAX_ID)


def _name_and_value(name: str, value: Scalar) -> str:
    """Return a name with its value: ``lr1e_3``, but ``start_tune`` where the value is a word."""
    number = isinstance(value.value, int | float) and not isinstance(value.value, bool)
    text = isinstance(value.value, str) or value.style == "error"
    written = str(value.value) if text else value.span.text
    word = _number_word(written) if number else _text_word(written)
    joint = "" if word[:1].isdigit() or number else "_"
    return f"{re.sub(_UNSAFE, '_', name)}{joint}{_shortened(word, MAX_VALUE)}"


def _number_word(written: str) -> str:
    """Return a number as it is written: ``1e-3`` is ``1e_3``, ``-.5`` is ``m0_5``."""
    text = written.replace("+", "")
    sign, digits = ("m", text[1:]) if text.startswith("-") else ("", text)
    digits = f"0{digits}" if digits.startswith(".") else digits
    return sign + re.sub(_UNSAFE, "_", digits).strip("_")


def _text_word(written: str) -> str:
    """Return a text as a word; what would be lost beyond punctuation gives a part of its hash."""
    word = re.sub(_UNSAFE, "_", written).strip("_")
    return word if word and written.isascii() else f"{word}_{_short_hash(written)}".strip("_")


def _shortened(text: str, longest: int) -> str:
    if len(text) <= longest:
        return text
    return f"{text[: longest - _HASH - 1].strip('_')}_{_short_hash(text)}"


def _short_hash(text: str) -> str:
    from hashlib import sha256  # it loads OpenSSL

    return sha256(text.encode()).hexdigest()[:_HASH]
