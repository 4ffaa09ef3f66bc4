"""What an expression in a function of the recipe certainly is: a text, a number or an array.

``str(path)``, ``f"{name}.wav"`` and ``row["durations"]`` of a table's row are texts, and so is what
``def clean(self, text) -> str`` gives;
``np.array(…)`` and the first of what ``soundfile.read`` gives are arrays.
"""

import ast
from collections.abc import Callable

from espnet3_compiler.checks.data.attributes import chosen_branch
from espnet3_compiler.checks.data.bodies import (
    bindings_of,
    full_name_in,
    function_body,
    placed_method,
    returned_values,
)
from espnet3_compiler.checks.data.certain_code import (
    assigned_values,
    is_own,
    makes_mapping,
    unpacked_source,
)
from espnet3_compiler.checks.item_kinds.axes import RATE_PLACES
from espnet3_compiler.checks.item_kinds.json_rows import StoredValue, stored_value, unpacked_value
from espnet3_compiler.checks.item_kinds.kinds import ARRAY, NUMBER, OTHER, TEXT, UNKNOWN, Maker
from espnet3_compiler.checks.item_kinds.module_values import module_items, module_value
from espnet3_compiler.checks.item_kinds.refused_values import is_refused
from espnet3_compiler.checks.item_kinds.rows import is_row, is_text_list
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
_ANNOTATIONS = {
    "str": TEXT,
    **dict.fromkeys(("int", "float", "bool"), NUMBER),
    **dict.fromkeys(("np.ndarray", "numpy.ndarray", "torch.Tensor", "Tensor"), ARRAY),
}
"""What functions say that they give."""

_OF_TEXTS = (
    *("capitalize", "casefold", "format", "join", "lower", "lstrip", "removeprefix"),
    *("removesuffix", "replace", "rstrip", "strip", "title", "upper", "zfill"),
)
"""Methods of a text that give a text."""

_ALONE = ("casefold", "lower", "lstrip", "rstrip", "strip", "swapcase", "upper")
"""Methods that texts alone have, where they are given nothing."""

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

    found = _plain_kind(value, maker, field_of, kind_of, depth)
    called = called_name(value, maker) if not found and isinstance(value, ast.Call) else ""
    return found or (OTHER if is_refused(value, called, kind_of) else UNKNOWN)


def _plain_kind(
    value: ast.expr,
    maker: Maker,
    field_of: FieldOf,
    kind_of: Callable[[ast.expr], str],
    depth: int,
) -> str:
    """Return whether an expression is a text, a number or an array.

    Args:
        value: The expression.
        maker: The function in which it stands.
        field_of: Tells what a field of a mapping is.
        kind_of: Tells what an expression in it is.
        depth: How many names were followed.
    """
    match value:
        case ast.Constant() | ast.JoinedStr():
            return _constant_kind(value)
        case ast.Call():
            body = called_body(value, maker)
            got = _got_field(value)
            if got:
                return field_of(*got, maker)
            if body is not None:
                return _result_kind(body, field_of, depth + 1)
            return _call_kind(value, maker, kind_of)
        case ast.UnaryOp() | ast.BinOp() | ast.BoolOp():
            return _operated_kind(value, kind_of)
        case ast.IfExp():
            branch = chosen_branch(value, maker.known)
            either = [branch] if branch else [value.body, value.orelse]
            return _same_kind([kind_of(one) for one in either])
        case ast.Name(id=name):
            found = _variable_kind(name, maker, kind_of)
            constant = None if found else module_value(value, maker)
            if constant is not None:
                return kind_of(constant)
            stored = None if found else unpacked_value(name, maker)
            return found or _stored_kind(stored, field_of, depth)
        case ast.Subscript():
            found = _element_kind(value, maker, field_of, kind_of)
            stored = None if found else stored_value(value, maker)
            return found or _stored_kind(stored, field_of, depth)
    return UNKNOWN


def _got_field(call: ast.Call) -> tuple[ast.expr, str] | None:
    """Return the mapping and the name of ``mapping.get("name")``."""
    match call:
        case ast.Call(func=ast.Attribute(value=owner, attr="get"), args=[key], keywords=[]):
            name = literal_text(key)
            return (owner, name) if name is not None else None
    return None


def _stored_kind(stored: StoredValue | None, field_of: FieldOf, depth: int) -> str:
    """Return what a value is that a builder writes, and that is read again."""
    return value_kind(stored.value, stored.maker, field_of, depth + 1) if stored else UNKNOWN


def called_body(call: ast.Call, maker: Maker) -> Maker | None:
    """Return the method of the same object, or the function of the recipe, that a call leads to."""
    match call.func:
        case ast.Attribute(value=ast.Name(id="self"), attr=method) if maker.path:
            placed = placed_method(maker.library, maker.path, method)
            own = (placed.body, placed.position, maker.known) if placed else None
            return Maker(maker.library, maker.path, *own) if own else None
        case ast.Name(id=name) if not is_own(maker.body.node, name):
            full = full_name_in(maker.library, maker.body, name)
            body = function_body(maker.library, full) if full else None
            return Maker(maker.library, "", body, 0, {}) if body else None
    return None


def _result_kind(maker: Maker, field_of: FieldOf, depth: int) -> str:
    """Return what a function gives: by what it returns, or by its annotation where that is silent.

    Args:
        maker: The function.
        field_of: Tells what a field of a mapping is.
        depth: How many names were followed.
    """
    node = maker.body.node
    kinds = {value_kind(one, maker, field_of, depth) for one in returned_values(node)}
    if len(kinds) == 1 and UNKNOWN not in kinds:
        return kinds.pop()
    said = _ANNOTATIONS.get(ast.unparse(node.returns), UNKNOWN) if node.returns else UNKNOWN
    return said if kinds <= {said, UNKNOWN} and not makes_mapping(node) else UNKNOWN


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
        own = is_own(maker.body.node, name) or bindings_of(maker.library, maker.body, name)
        return UNKNOWN if own else _BUILTIN[name]
    if name and (known := _FUNCTIONS.get(called_name(call, maker))):
        alone = known == ARRAY and len(call.args) == 1 and not call.keywords
        return UNKNOWN if alone and kind_of(call.args[0]) == OTHER else known
    match call.func:
        case ast.Attribute(attr="as_posix"):
            return TEXT
        case ast.Attribute(attr="choice"):
            return TEXT if call.args and literal_text(call.args[0]) is not None else UNKNOWN
        case ast.Attribute(attr="index" | "count"):
            return NUMBER
        case ast.Attribute(attr="item") if not call.args:
            return NUMBER
        case ast.Attribute(value=owner, attr=method) if method in _ALONE and not call.args:
            of_column = isinstance(owner, ast.Attribute) and owner.attr == "str"  # of pandas
            return UNKNOWN if of_column else TEXT
        case ast.Attribute(value=owner, attr=method) if method in _OF_TEXTS:
            return TEXT if kind_of(owner) == TEXT else UNKNOWN
    return UNKNOWN


def called_name(call: ast.expr, maker: Maker) -> str:
    """Return the absolute name of the function that an expression calls; empty where unknown."""
    name = dotted_name(call.func) if isinstance(call, ast.Call) else None
    own = name is None or is_own(maker.body.node, name.partition(".")[0])
    return "" if own else full_name_in(maker.library, maker.body, name or "")


def _variable_kind(name: str, maker: Maker, kind_of: Callable[[ast.expr], str]) -> str:
    node = maker.body.node
    given = assigned_values(node, name)
    if given:
        return _same_kind([kind_of(one) for one in given])
    unpacked = unpacked_source(node, name)
    if unpacked:
        source, place = unpacked
        if RATE_PLACES.get(called_name(source, maker)) == 1 - place:
            return ARRAY
        return TEXT if is_row(source, maker) else UNKNOWN
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
    items = module_items(value.value, maker)
    if items and not isinstance(value.slice, ast.Slice):
        return _same_kind([kind_of(one) for one in items])
    name = literal_text(value.slice)
    if name is not None:
        return field_of(value.value, name, maker)
    return TEXT if kind_of(value.value) == TEXT else UNKNOWN
