"""What was probably meant by a literal that does not fit an annotation."""

import math
from collections.abc import Iterator

from espnet3_compiler.read_scalars import core_value
from espnet3_compiler.shape_hints import FALSE_WORDS, NULL_WORDS, TRUE_WORDS, Hint, quoted_like
from espnet3_compiler.signature import types
from espnet3_compiler.signature.literal import judge
from espnet3_compiler.signature.types import Type
from espnet3_compiler.suggest import is_sure, nearest
from espnet3_compiler.tree import Node, Scalar


def advice(wanted: Type, value: Node) -> Hint:
    """Return advice on a value that does not fit a type."""
    if not isinstance(value, Scalar):
        return Hint()
    words = list(_words(wanted))
    if isinstance(value.value, str) and (near := nearest(value.value, words)):
        sure = is_sure(value.value, words)
        return Hint((f'did you mean "{near}"?',), quoted_like(value, near), sure)
    for text, meant, advised in _spellings(value):
        if judge(wanted, Scalar(meant, value.span)):
            return Hint((advised,), text, sure=True)
    return Hint()


def _words(wanted: Type) -> Iterator[str]:
    """Yield the texts of ``Literal["a", "b"]``."""
    for item in wanted.options if isinstance(wanted, types.Either) else (wanted,):
        if isinstance(item, types.Literals):
            yield from (word for word in item.values if isinstance(word, str))


def _spellings(value: Scalar) -> Iterator[tuple[str, str | float | bool | None, str]]:
    """Yield other spellings as YAML, their values, and the words that advise them."""
    found = value.value
    if isinstance(found, str):
        word = found.strip().casefold()
        if word in TRUE_WORDS + FALSE_WORDS:
            text = "true" if word in TRUE_WORDS else "false"
            yield text, word in TRUE_WORDS, f"write {text}"
        if word in NULL_WORDS:
            yield "null", None, "write null"
        number = core_value(found.strip())
        if isinstance(number, int | float) and not isinstance(number, bool):
            yield found.strip(), number, "write it without quotes"
    elif isinstance(found, float) and math.isfinite(found) and found.is_integer():
        yield str(int(found)), int(found), f"write {int(found)}"
    if isinstance(found, int | float) and value.span.text.strip():
        yield f'"{value.span.text}"', value.span.text, "put it in quotes to make it text"
