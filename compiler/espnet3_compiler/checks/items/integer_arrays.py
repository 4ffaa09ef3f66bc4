"""Expressions of a recipe that certainly are arrays of whole numbers: ``x.astype(np.int16)``."""

import ast

from espnet3_compiler.checks.data.bodies import FunctionBody, full_name_in
from espnet3_compiler.checks.data.certain_code import assigned_values
from espnet3_compiler.checks.item_kinds.axes import RATE_PLACES, read_samples
from espnet3_compiler.signature.flow import dotted_name
from espnet3_compiler.signature.library import Library

INTEGERS = ("int8", "int16", "int32", "uint8")
SAME = (
    *("contiguous", "copy", "clone", "detach", "flatten", "permute", "ravel", "reshape"),
    *("squeeze", "transpose", "unsqueeze"),
)
"""Methods that leave the numbers of an array or tensor as they are."""

_DEPTH = 6
_SAME_ARRAYS = ("array", "asarray", "ascontiguousarray", "copy", "squeeze")
_SAME_TENSORS = ("as_tensor", "from_numpy", "squeeze", "tensor", "unsqueeze")


def whole_numbers(
    library: Library, value: ast.expr, body: FunctionBody, depth: int = 0
) -> ast.expr | None:
    """Return what says that an expression is an array of whole numbers; None where it may not be.

    Args:
        library: Reads the module.
        value: The expression.
        body: The function in which it stands.
        depth: How many steps were followed.
    """
    if depth > _DEPTH:
        return None
    inner: ast.expr | None = None
    kind: ast.expr | None
    match value:
        case ast.Name(id=name):
            given = assigned_values(body.node, name) or ()
            inner = given[0] if len(given) == 1 else None
            inner = inner if given else read_samples(name, body, library)
        case ast.Call(func=ast.Attribute(attr="astype"), args=[kind]):
            return kind if _is_integer(kind) else None
        case ast.Call(func=ast.Attribute(value=owner, attr=method)) if method in SAME and (
            not isinstance(owner, ast.Name) or owner.id not in ("np", "numpy", "torch")
        ):
            inner = owner
        case ast.Call(args=args, keywords=keywords):
            kind = next((one.value for one in keywords if one.arg == "dtype"), None)
            called = full_name_in(library, body, dotted_name(value.func) or "")
            if kind is not None:
                made = called.partition(".")[0] == "numpy" or called in RATE_PLACES
                return kind if made and _is_integer(kind) else None
            inner = args[0] if leaves_same(called) and len(args) == 1 else None
        case ast.Subscript(value=owner):
            inner = owner
    return whole_numbers(library, inner, body, depth + 1) if inner is not None else None


def _is_integer(kind: ast.expr) -> bool:
    name = kind.value if isinstance(kind, ast.Constant) else dotted_name(kind)
    return isinstance(name, str) and name.rpartition(".")[2] in INTEGERS


def leaves_same(called: str) -> bool:
    """Return whether a function of NumPy or PyTorch gives the numbers that it is given."""
    package, _, last = called.rpartition(".")
    of_numpy = package == "numpy" and last in _SAME_ARRAYS
    return of_numpy or (package == "torch" and last in _SAME_TENSORS)
