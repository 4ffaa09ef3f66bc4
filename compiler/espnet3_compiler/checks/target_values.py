"""What was probably meant by a literal that does not fit an annotation."""

import ast
import math
import re

from espnet3_compiler.read_scalars import core_value
from espnet3_compiler.shape_hints import FALSE_WORDS, NULL_WORDS, TRUE_WORDS, Hint, quoted_like
from espnet3_compiler.signature import annotation
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.model import Parameter
from espnet3_compiler.suggest import is_sure, nearest
from espnet3_compiler.tree import Node, Scalar

_WORD = re.compile(r"Literal\[([^\]]*)\]")


def advice(library: Library, parameter: Parameter, value: Node) -> Hint:
    """Return advice on a value that does not fit a parameter."""
    if not isinstance(value, Scalar):
        return Hint()
    for text, words in _candidates(value):
        other = Scalar(core_value(text), value.span)
        if text.startswith('"'):
            other = Scalar(text[1:-1], value.span)
        if annotation.fits(library, parameter, other):
            return Hint((words,), text, sure=True)
    return _literal(parameter, value)


def _candidates(value: Scalar) -> list[tuple[str, str]]:
    """Return other spellings of a value, as YAML, with the words that advise them."""
    found = value.value
    if isinstance(found, str):
        word = found.strip().casefold()
        if word in TRUE_WORDS + FALSE_WORDS:
            text = "true" if word in TRUE_WORDS else "false"
            return [(text, f"write {text}")]
        if word in NULL_WORDS:
            return [("null", "write null")]
        number = core_value(found.strip())
        if isinstance(number, int | float) and not isinstance(number, bool):
            return [(found.strip(), "write it without quotes")]
        return []
    if isinstance(found, float) and math.isfinite(found) and found.is_integer():
        return [(str(int(found)), f"write {int(found)}")]
    if isinstance(found, bool) or found is None:
        return []
    return [(f'"{value.span.text}"', "put it in quotes to make it text")]


def _literal(parameter: Parameter, value: Scalar) -> Hint:
    """Return the nearest word of a ``Literal[…]`` in the annotation."""
    words: list[str] = []
    for match in _WORD.finditer(parameter.annotation or ""):
        tree = annotation.parse(f"({match[1]},)")
        items = tree.elts if isinstance(tree, ast.Tuple) else []
        options = annotation.literal_options(items) or []
        words.extend(item for item in options if isinstance(item, str))
    if not isinstance(value.value, str):
        return Hint((f"one of {', '.join(words)}",)) if words else Hint()
    near = nearest(value.value, words)
    if near is None:
        return Hint((f"one of {', '.join(words)}",)) if words else Hint()
    sure = is_sure(value.value, words)
    return Hint((f'did you mean "{near}"?',), quoted_like(value, near), sure)
