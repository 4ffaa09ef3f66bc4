"""What an expression in a function of the recipe certainly is: a text, a number or an array.

``str(path)``, ``f"{name}.wav"`` and ``row["durations"]`` of a table's row are texts;
``np.array(…)`` and the first of what ``soundfile.read`` gives are arrays.
"""

import ast
from collections.abc import Callable

from espnet3_compiler.checks.data.attributes import chosen_branch
from espnet3_compiler.checks.data.bodies import bindings_of, full_name_in
from espnet3_compiler.checks.data.certain_code import assigned_values, is_stored
from espnet3_compiler.checks.items.kinds import ARRAY, NUMBER, TEXT, UNKNOWN, Maker
from espnet3_compiler.checks.items.rows import is_row, is_text_list
from espnet3_compiler.signature.flow import (
    FunctionNode,
    all_nodes,
    dotted_name,
    literal_text,
    own_nodes,
)

FieldOf = Callable[[ast.expr, str, Maker], str]
"""Tells what a field of a mapping is."""

_DEPTH = 6
_BUILTIN = {
    **dict.fromkeys(("str", "repr", "ascii", "chr"), TEXT),
    **dict.fromkeys(("int", "float", "bool", "len", "ord"), NUMBER),
}
_FUNCTIONS = {
    **{f"os.path.{one}": TEXT for one in ("abspath", "basename", "dirname", "join", "realpath")},
    **{
        f"numpy.{one}": ARRAY
        for one in ("arange", "array", "asarray", "ascontiguousarray", "fromstring", "zeros")
    },
    **{f"torch.{one}": ARRAY for one in ("as_tensor", "from_numpy", "tensor", "zeros")},
}
_READERS = ("soundfile.read", "librosa.load", "torchaudio.load")
"""Functions that give samples and their rate."""

_OF_TEXTS = (
    *("capitalize", "casefold", "format", "join", "lower", "lstrip", "removeprefix"),
    *("removesuffix", "replace", "rstrip", "strip", "title", "upper", "zfill"),
)
"""Methods of a text that give a text."""

_OF_NUMBERS = (
    *("argmax", "argmin", "argsort", "cpu", "detach", "double", "exp", "float", "half", "int"),
    *("log_softmax", "long", "sigmoid", "softmax", "sqrt", "square"),
)
"""Methods that arrays and tensors of numbers alone have."""


def value_kind(value: ast.expr, maker: Maker, field_of: FieldOf, depth: int = 0) -> str:
    """Return what an expression is; nothing where that is not certain.

    Args:
        value: The expression.
        maker: The function in which it stands.
        field_of: Tells what a field of a mapping is.
        depth: How many names were followed.
    """
    if depth > _DEPTH:
        return UNKNOWN

    def kind_of(inner: ast.expr) -> str:
        return value_kind(inner, maker, field_of, depth + 1)

    match value:
        case ast.Constant() | ast.JoinedStr():
            return _constant_kind(value)
        case ast.Call():
            return _call_kind(value, maker, kind_of)
        case ast.UnaryOp() | ast.BinOp() | ast.BoolOp():
            return _operated_kind(value, kind_of)
        case ast.IfExp():
            branch = chosen_branch(value, maker.known)
            either = [branch] if branch else [value.body, value.orelse]
            return _same_kind([kind_of(one) for one in either])
        case ast.Name(id=name):
            return _variable_kind(name, maker, kind_of)
        case ast.Subscript():
            return _element_kind(value, maker, field_of, kind_of)
    return UNKNOWN


def _operated_kind(
    value: ast.UnaryOp | ast.BinOp | ast.BoolOp, kind_of: Callable[[ast.expr], str]
) -> str:
    match value:
        case ast.UnaryOp(operand=inner):
            return NUMBER if kind_of(inner) == NUMBER else UNKNOWN
        case ast.BinOp(left=left, op=ast.Add() | ast.Mod()) if kind_of(left) == TEXT:
            return TEXT
        case ast.BinOp(left=left, right=right):
            return NUMBER if kind_of(left) == kind_of(right) == NUMBER else UNKNOWN
        case ast.BoolOp(values=items):
            return _same_kind([kind_of(one) for one in items])
    return UNKNOWN


def _same_kind(kinds: list[str]) -> str:
    return kinds[0] if len(set(kinds)) == 1 else UNKNOWN


def _constant_kind(value: ast.Constant | ast.JoinedStr) -> str:
    if isinstance(value, ast.JoinedStr) or isinstance(value.value, str | bytes):
        return TEXT
    return NUMBER if isinstance(value.value, int | float) else UNKNOWN


def _call_kind(call: ast.Call, maker: Maker, kind_of: Callable[[ast.expr], str]) -> str:
    name = dotted_name(call.func)
    if name and name in _BUILTIN:
        own = _is_bound(name, maker) or bindings_of(maker.library, maker.body, name)
        return UNKNOWN if own else _BUILTIN[name]
    if name and (known := _FUNCTIONS.get(called_name(call, maker))):
        return known
    match call.func:
        case ast.Attribute(attr="as_posix"):
            return TEXT
        case ast.Attribute(attr="index" | "count"):
            return NUMBER
        case ast.Attribute(attr="item") if not call.args:
            return NUMBER
        case ast.Attribute(value=owner, attr=method) if method in _OF_TEXTS:
            return TEXT if kind_of(owner) == TEXT else UNKNOWN
    return UNKNOWN


def called_name(call: ast.expr, maker: Maker) -> str:
    """Return the absolute name of the function that an expression calls; empty where unknown."""
    name = dotted_name(call.func) if isinstance(call, ast.Call) else None
    own = name is None or _is_bound(name.partition(".")[0], maker)
    return "" if own else full_name_in(maker.library, maker.body, name or "")


def _is_bound(name: str, maker: Maker) -> bool:
    """Return whether a function has a variable, argument or function of its own of a name."""
    node = maker.body.node
    arguments = [one.arg for one in all_nodes(node.args) if isinstance(one, ast.arg)]
    functions = [one.name for one in own_nodes(node) if isinstance(one, FunctionNode)]
    return is_stored(node, name) or name in (*arguments, *functions)


def _variable_kind(name: str, maker: Maker, kind_of: Callable[[ast.expr], str]) -> str:
    node = maker.body.node
    given = assigned_values(node, name)
    if given:
        return _same_kind([kind_of(one) for one in given])
    stores = [
        item
        for item in all_nodes(node)
        if isinstance(item, ast.Name) and item.id == name and not isinstance(item.ctx, ast.Load)
    ]
    for item in own_nodes(node) if len(stores) == 1 else ():
        if isinstance(item, ast.For | ast.comprehension):
            found = _looped_kind(stores[0], item.target, item.iter, node)
            if found is not None:
                return found
        match item:
            case ast.Assign(targets=[ast.Tuple(elts=names)], value=source) if stores[0] in names:
                first = names[0] is stores[0]
                is_samples = called_name(source, maker) in _READERS
                if is_samples and first:
                    return ARRAY
                return TEXT if is_row(source, maker) else UNKNOWN
    return UNKNOWN


def _looped_kind(
    name: ast.expr, target: ast.expr, source: ast.expr, node: FunctionNode
) -> str | None:
    """Return what a variable of a loop is; None where it is of another loop.

    Args:
        name: Where the variable is set.
        target: What the loop sets.
        source: What it goes through.
        node: The function.
    """
    if name is target:
        return NUMBER if gives_numbers(source, node) else UNKNOWN
    match target, source:
        case ast.Tuple(elts=names), ast.Call(func=ast.Name(id="zip"), args=args):
            for one, inner in zip(names, args, strict=False):
                if one is name:
                    return NUMBER if gives_numbers(inner, node) else UNKNOWN
        case ast.Tuple(elts=[first, *_]), ast.Call(func=ast.Name(id="enumerate")) if first is name:
            return NUMBER
    return None


def gives_numbers(source: ast.expr, node: FunctionNode) -> bool:
    """Return whether an expression gives numbers, or lists of them: ``x.argmax(-1).tolist()``."""
    match source:
        case ast.Call(func=ast.Name(id="range")):
            return True
        case ast.Call(func=ast.Attribute(value=owner, attr="tolist")):
            return _is_numeric(owner, node, 0)
    return False


def _is_numeric(value: ast.expr, node: FunctionNode, depth: int) -> bool:
    """Return whether an expression is certainly an array of numbers, by what gives it."""
    match value:
        case ast.Call(func=ast.Attribute(attr=method)):
            return method in _OF_NUMBERS
        case ast.Name(id=name) if depth < _DEPTH:
            given = assigned_values(node, name)
            return bool(given) and all(_is_numeric(one, node, depth + 1) for one in given or ())
    return False


def _element_kind(
    value: ast.Subscript, maker: Maker, field_of: FieldOf, kind_of: Callable[[ast.expr], str]
) -> str:
    if is_row(value.value, maker) and not isinstance(value.slice, ast.Slice):
        return TEXT
    if is_text_list(value.value, maker) and not isinstance(value.slice, ast.Slice):
        return TEXT
    name = literal_text(value.slice)
    if name is not None:
        return field_of(value.value, name, maker)
    return TEXT if kind_of(value.value) == TEXT else UNKNOWN
