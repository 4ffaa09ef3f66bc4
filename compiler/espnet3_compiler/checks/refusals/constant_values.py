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
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name() | ast.Attribute():
            return _named(node, known)
        case ast.Tuple(elts=items) | ast.List(elts=items) | ast.Set(elts=items):
            return _GROUPS[type(node)](_value(item, known) for item in items)
        case ast.Dict(keys=keys, values=values) if None not in keys:
            pairs = zip((key for key in keys if key), values, strict=True)
            return {_value(key, known): _value(one, known) for key, one in pairs}
        case ast.UnaryOp() | ast.BinOp() | ast.BoolOp() | ast.Compare():
            return _operated(node, known)
        case ast.IfExp(test=test, body=body, orelse=other):
            return _value(body if _value(test, known) else other, known)
        case ast.Subscript(value=inner, slice=index):
            return _value(inner, known)[_value(index, known)]
        case ast.JoinedStr(values=parts):
            return "".join(_formatted(part, known) for part in parts)
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]):
            return _called(name, args, known)
    raise UnknownValueError


def _named(node: ast.expr, known: Known) -> Any:
    name = dotted_name(node)
    value = known.get(name, _UNKNOWN) if name is not None else _UNKNOWN
    if value is _UNKNOWN:
        raise UnknownValueError
    return value


def _operated(node: ast.expr, known: Known) -> Any:
    match node:
        case ast.UnaryOp(op=ast.Not(), operand=inner):
            return not _value(inner, known)
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            return -_value(inner, known)
        case ast.BinOp(left=left, op=operation, right=right):
            return _binary(operation, _value(left, known), _value(right, known))
        case ast.BoolOp(op=operation, values=items):
            return _logical(items, known, every=isinstance(operation, ast.And))
        case ast.Compare(left=left, ops=operations, comparators=others):
            return _compared(_value(left, known), operations, others, known)
    raise UnknownValueError


def _binary(operation: ast.operator, left: Any, right: Any) -> Any:
    numbers = isinstance(left, int | float) and isinstance(right, int | float)
    if type(operation) not in _BINARY or not (numbers or isinstance(operation, ast.Add)):
        raise UnknownValueError
    return _BINARY[type(operation)](left, right)


def _logical(items: list[ast.expr], known: Known, *, every: bool) -> Any:
    """Return ``a and b`` or ``a or b``; a part that is not known may not matter."""
    value: Any = every
    unknown = False
    for item in items:
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


def _compared(left: Any, operations: list[ast.cmpop], others: list[ast.expr], known: Known) -> bool:
    for operation, other in zip(operations, others, strict=True):
        right = _value(other, known)
        if not _COMPARED[type(operation)](left, right):
            return False
        left = right
    return True


def _formatted(part: ast.expr, known: Known) -> str:
    match part:
        case ast.Constant(value=text):
            return str(text)
        case ast.FormattedValue(value=inner, conversion=conversion, format_spec=None):
            value = _value(inner, known)
            return repr(value) if conversion == ord("r") else str(value)
    raise UnknownValueError


def _called(name: str, args: list[ast.expr], known: Known) -> Any:
    if name == "isinstance":
        instance, types = args
        return isinstance(_value(instance, known), _types(types))
    if name not in _FUNCTIONS or name in known:
        raise UnknownValueError
    return _FUNCTIONS[name](*(_value(one, known) for one in args))


def _types(node: ast.expr) -> tuple[type, ...]:
    match node:
        case ast.Name(id=name) if name in _TYPES:
            return (_TYPES[name],)
        case ast.Tuple(elts=items):
            return tuple(one for item in items for one in _types(item))
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return (*_types(left), *_types(right))
    raise UnknownValueError
