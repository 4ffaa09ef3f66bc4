"""Which expressions are certainly lists, mappings or arrays with axes, and no single number.

``np.array([price])``, ``soundfile.read(path)[0]`` and ``[int(x) for x in row]`` are;
``np.array(price)`` may be one number.
"""

import ast
from collections.abc import Callable

from espnet3_compiler.checks.data.bodies import FunctionBody, full_name_in
from espnet3_compiler.checks.data.certain_code import (
    assigned_values,
    is_stored,
    unpacked_source,
)
from espnet3_compiler.signature.flow import dotted_name, literal_text
from espnet3_compiler.signature.library import Library

RATE_PLACES = {
    "soundfile.read": 1,
    "librosa.load": 1,
    "librosa.core.load": 1,
    "torchaudio.load": 1,
    "scipy.io.wavfile.read": 0,
}
"""Functions that give the samples of a file and their rate, and which of both the rate is."""

_LITERALS = (ast.List, ast.Tuple, ast.Set, ast.Dict, ast.ListComp, ast.SetComp, ast.DictComp)
_BUILTIN = ("list", "tuple", "sorted", "dict", "set")
_SAME_AXES = ("array", "asarray", "tensor", "as_tensor", "from_numpy")
"""Functions of numpy and torch that keep the axes of what they get."""

_WITH_AXES = (
    *("arange", "ascontiguousarray", "concatenate", "cat", "frombuffer", "fromstring"),
    *("hstack", "linspace", "stack", "vstack"),
)
"""Functions of numpy and torch that always give an axis."""

_SAME_METHODS = ("astype", "copy", "float", "long", "double", "numpy", "contiguous")
_ARITHMETIC = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow)
_DEPTH = 6


def has_axes(value: ast.expr, body: FunctionBody, library: Library, depth: int = 0) -> bool:
    """Return whether an expression is certainly several values, and no text.

    Args:
        value: The expression.
        body: The function in which it stands.
        library: Reads modules.
        depth: How many names were followed.
    """

    def inner(one: ast.expr) -> bool:
        return has_axes(one, body, library, depth + 1)

    if depth > _DEPTH:
        return False
    match value:
        case ast.IfExp(body=one, orelse=other):
            return inner(one) and inner(other)
        case ast.BinOp(left=left, op=op, right=right) if isinstance(op, _ARITHMETIC):
            return inner(left) or inner(right)
        case ast.Subscript(value=owner, slice=ast.Slice()):
            return inner(owner)
        case ast.Subscript(value=ast.Call() as call, slice=ast.Constant(value=int(place))):
            return RATE_PLACES.get(_called(call, body, library)) == 1 - place
        case ast.Name(id=name):
            given = assigned_values(body.node, name)
            read = None if given else read_samples(name, body, library)
            return all(map(inner, given)) if given else read is not None
        case ast.Call():
            return _gives_axes(value, body, library, inner)
    return isinstance(value, _LITERALS)


def _gives_axes(
    call: ast.Call, body: FunctionBody, library: Library, inner: Callable[[ast.expr], bool]
) -> bool:
    """Return whether what a call gives has axes.

    Args:
        call: The call.
        body: The function in which it stands.
        library: Reads modules.
        inner: Tells whether an expression in it has axes.
    """
    match call:
        case ast.Call(func=ast.Attribute(value=owner, attr=method)) if method in _SAME_METHODS:
            return inner(owner)
        case ast.Call(func=ast.Attribute(attr="split"), args=args):
            return all(literal_text(one) is not None for one in args[:1])
    name = _called(call, body, library)
    package, _, function = name.rpartition(".")
    if package in ("numpy", "torch"):
        kept = function in _SAME_AXES and bool(call.args) and inner(call.args[0])
        return kept or function in _WITH_AXES
    return name in _BUILTIN and not is_stored(body.node, name)


def _called(call: ast.Call, body: FunctionBody, library: Library) -> str:
    name = dotted_name(call.func) or ""
    return (full_name_in(library, body, name) or name) if name else ""


def read_samples(name: str, body: FunctionBody, library: Library) -> ast.Call | None:
    """Return the call whose samples are unpacked into a variable, which nothing else sets.

    Args:
        name: The variable.
        body: The function.
        library: Reads its module.
    """
    match unpacked_source(body.node, name):
        case (ast.Call() as call, int(place)):
            return call if RATE_PLACES.get(_called(call, body, library)) == 1 - place else None
    return None
