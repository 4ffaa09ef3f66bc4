"""Values of expressions that need no running code: numbers, texts, and what a name is known to be.

Passes: ``size % (2 * heads)`` where both are known; ``isinstance(sizes, list)``.
Unknown: calls of any other function, names that are not known, attributes of objects.
"""

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

from espnet3_compiler.signature.flow import dotted_name

Known = Mapping[str, Any]
"""What dotted names are known to be; attributes of the object are called ``self.NAME``."""


class UnknownValueError(Exception):
    """The value of an expression is not known without running code."""


_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.BitAnd: operator.and_,
}
_COMPARED: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
    ast.In: lambda item, group: item in group,
    ast.NotIn: lambda item, group: item not in group,
}
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{one.__name__: one for one in (abs, all, any, bool, float, int, len, list, max, min)},
    **{one.__name__: one for one in (repr, round, set, sorted, str, sum, tuple)},
}
KNOWN_FUNCTIONS = frozenset((*_FUNCTIONS, "isinstance"))
"""The functions whose calls may have a value that is known."""

_GROUPS: dict[type[ast.expr], Callable[..., Any]] = {
    ast.Tuple: tuple,
    ast.List: list,
    ast.Set: set,
}
_UNKNOWN = object()
_TYPES = {one.__name__: one for one in (bool, dict, float, int, list, str, tuple)}


def constant_value(node: ast.expr, known: Known) -> Any:
    """Return the value of an expression.

    Args:
        node: The expression.
        known: What names are known to be.

    Raises:
        UnknownValueError: It is not known, or computing it fails.
    """
    try:
        return _value(node, known)
    except (TypeError, ValueError, ArithmeticError, LookupError) as error:
        raise UnknownValueError from error  # of an operator on such values


def _value(node: ast.expr, known: Known) -> Any:
    read = _READERS.get(type(node))
    if read is None:
        raise UnknownValueError
    return read(node, known)


def _named(node: ast.Name | ast.Attribute, known: Known) -> Any:
    name = dotted_name(node)
    value = known.get(name, _UNKNOWN) if name is not None else _UNKNOWN
    if value is _UNKNOWN:
        raise UnknownValueError
    return value


def _group(node: ast.Tuple | ast.List | ast.Set, known: Known) -> Any:
    return _GROUPS[type(node)](_value(item, known) for item in node.elts)


def _mapping(node: ast.Dict, known: Known) -> dict[Any, Any]:
    if None in node.keys:
        raise UnknownValueError
    pairs = zip((key for key in node.keys if key), node.values, strict=True)
    return {_value(key, known): _value(one, known) for key, one in pairs}


def _unary(node: ast.UnaryOp, known: Known) -> Any:
    match node.op:
        case ast.Not():
            return not _value(node.operand, known)
        case ast.USub():
            return -_value(node.operand, known)
    raise UnknownValueError


def _binary(node: ast.BinOp, known: Known) -> Any:
    left, right, operation = _value(node.left, known), _value(node.right, known), type(node.op)
    numbers = isinstance(left, int | float) and isinstance(right, int | float)
    if operation not in _BINARY or not (numbers or operation is ast.Add):
        raise UnknownValueError
    return _BINARY[operation](left, right)


def _logical(node: ast.BoolOp, known: Known) -> Any:
    """Return ``a and b`` or ``a or b``; a part that is not known may not matter."""
    every = isinstance(node.op, ast.And)
    value: Any = every
    unknown = False
    for item in node.values:
        try:
            value = _value(item, known)
        except UnknownValueError:
            unknown = True
            continue
        if bool(value) is not every:
            return value
    if unknown:
        raise UnknownValueError
    return value


def _compared(node: ast.Compare, known: Known) -> bool:
    left = _value(node.left, known)
    for operation, other in zip(node.ops, node.comparators, strict=True):
        right = _value(other, known)
        if not _COMPARED[type(operation)](left, right):
            return False
        left = right
    return True


def _chosen(node: ast.IfExp, known: Known) -> Any:
    return _value(node.body if _value(node.test, known) else node.orelse, known)


def _element(node: ast.Subscript, known: Known) -> Any:
    return _value(node.value, known)[_value(node.slice, known)]


def _joined(node: ast.JoinedStr, known: Known) -> str:
    return "".join(_formatted(part, known) for part in node.values)


def _formatted(part: ast.expr, known: Known) -> str:
    match part:
        case ast.Constant(value=text):
            return str(text)
        case ast.FormattedValue(value=inner, conversion=conversion, format_spec=None):
            value = _value(inner, known)
            return repr(value) if conversion == ord("r") else str(value)
    raise UnknownValueError


def _called(node: ast.Call, known: Known) -> Any:
    name = node.func.id if isinstance(node.func, ast.Name) and not node.keywords else ""
    if name == "isinstance":
        instance, types = node.args
        return isinstance(_value(instance, known), _types(types))
    if name not in _FUNCTIONS or name in known:
        raise UnknownValueError
    return _FUNCTIONS[name](*(_value(one, known) for one in node.args))


def _types(node: ast.expr) -> tuple[type, ...]:
    match node:
        case ast.Name(id=name) if name in _TYPES:
            return (_TYPES[name],)
        case ast.Tuple(elts=items):
            return tuple(one for item in items for one in _types(item))
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return (*_types(left), *_types(right))
    raise UnknownValueError


_READERS: dict[type[ast.expr], Callable[[Any, Known], Any]] = {
    ast.Constant: lambda node, _known: node.value,
    **dict.fromkeys((ast.Name, ast.Attribute), _named),
    **dict.fromkeys((ast.Tuple, ast.List, ast.Set), _group),
    ast.Dict: _mapping,
    ast.UnaryOp: _unary,
    ast.BinOp: _binary,
    ast.BoolOp: _logical,
    ast.Compare: _compared,
    ast.IfExp: _chosen,
    ast.Subscript: _element,
    ast.JoinedStr: _joined,
    ast.Call: _called,
}
"""What reads a kind of expressions: a ``match`` would ask one after the other."""
