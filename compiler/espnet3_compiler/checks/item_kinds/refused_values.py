"""Values that no batch can hold, as they are no text, no number and no list of numbers.

None, ``{"a": 1}``, ``text.split()``, ``list(text)``, ``[c for c in text]``, ``Path(name)`` and
``self.root / f"{name}.wav"``.
"""

import ast
from collections.abc import Callable

from espnet3_compiler.checks.item_kinds.kinds import OTHER, TEXT

_MAPPINGS = (ast.Dict, ast.DictComp, ast.Set, ast.SetComp)
_LISTS = ("list", "sorted", "tuple")
_OF_PATHS = ("pathlib.Path", "pathlib.PurePath", "pathlib.PosixPath")
_ARRAYS = ("numpy.array", "numpy.asarray", "numpy.ascontiguousarray")

KindOf = Callable[[ast.expr], str]


def is_refused(value: ast.expr, called: str, kind_of: KindOf) -> bool:
    """Return whether a value certainly cannot be part of a batch.

    Args:
        value: The expression.
        called: The absolute name of the function that it calls; empty where unknown.
        kind_of: Tells what an expression beside it is.
    """
    match value:
        case ast.Constant(value=None):
            return True
        case ast.BinOp(op=ast.Div(), left=left, right=right):
            return TEXT in (kind_of(left), kind_of(right))
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return bool(items) and all(kind_of(one) in (TEXT, OTHER) for one in items)
        case ast.ListComp(elt=item, generators=[loop]):
            of_text = _is_same(item, loop.target) and kind_of(loop.iter) == TEXT
            return of_text or kind_of(item) == TEXT
        case ast.Call(func=ast.Name(id=name), args=[inner]) if name in _LISTS and called == name:
            return kind_of(inner) == TEXT
        case ast.Call(func=ast.Attribute(value=owner, attr="split" | "rsplit" | "splitlines")):
            return kind_of(owner) == TEXT
        case ast.Call(args=[inner, *_], keywords=[]) if called in _ARRAYS:
            return len(value.args) == 1 and kind_of(inner) == OTHER
    return isinstance(value, _MAPPINGS) or called in _OF_PATHS


def _is_same(one: ast.expr, other: ast.expr) -> bool:
    return isinstance(one, ast.Name) and isinstance(other, ast.Name) and one.id == other.id
