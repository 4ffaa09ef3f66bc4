"""Fields of an item that are plain numbers, as far as the code that makes them says it.

A batch has ``NAME_lengths`` for an array, and nothing of the kind for a number.
"""

import ast

from espnet3_compiler.checks.data.bodies import FunctionBody, method_body, returned_values
from espnet3_compiler.checks.data.certain_code import assigned_values
from espnet3_compiler.checks.data.sample_fields import changed_fields
from espnet3_compiler.checks.targets.datasets import DatasetEntry
from espnet3_compiler.signature.flow import FunctionNode, literal_text, own_nodes
from espnet3_compiler.signature.library import Library
from espnet3_compiler.syntax.tree import Mapping, Node, Scalar, is_null
from espnet3_schemas import TARGET

_MAKERS = ("int", "float", "bool", "len", "ord")
_METHODS = ("index", "item", "count")
_LOOPS = (ast.DictComp, ast.For, ast.While, ast.AugAssign)
_DEPTH = 5


def item_numbers(data: DatasetEntry) -> frozenset[str]:
    """Return the fields of a ``Dataset`` that are certainly plain numbers."""
    body = method_body(data.library, f"{data.module}.Dataset", "__getitem__")
    return _numbers_in(body) if body else frozenset()


def changed_numbers(library: Library, node: Node | None, given: frozenset[str]) -> frozenset[str]:
    """Return the fields that are plain numbers after a transform or preprocessor.

    Args:
        library: Reads the code of the recipe.
        node: The transform or preprocessor; null changes nothing.
        given: The fields that are plain numbers before.
    """
    if is_null(node):
        return given
    target = node.get(TARGET) if isinstance(node, Mapping) else None
    path = str(target.value) if isinstance(target, Scalar) else ""
    body = method_body(library, path, "__call__")
    written = changed_fields(library, node, frozenset())
    if written is None or (body and any(isinstance(one, _LOOPS) for one in own_nodes(body.node))):
        return frozenset()
    return (given - written) | (_numbers_in(body) if body else frozenset())


def _numbers_in(body: FunctionBody) -> frozenset[str]:
    """Return the keys that every mapping which a function returns gives a plain number."""
    values = returned_values(body.node)
    every = [_numbers_of(value, body.node) for value in values]
    return frozenset.intersection(*every) if every else frozenset()


def _numbers_of(value: ast.expr, node: FunctionNode) -> frozenset[str]:
    found: set[str] = set()
    pairs = zip(value.keys, value.values, strict=True) if isinstance(value, ast.Dict) else ()
    for key, item in pairs:
        name = literal_text(key)
        if key is None:
            found.clear()  # what is put in after it may be of another kind
        elif name is not None and is_number(item, node, 0):
            found.add(name)
        elif name is not None:
            found.discard(name)
    return frozenset(found)


def is_number(value: ast.expr, node: FunctionNode, depth: int) -> bool:
    """Return whether an expression in a function is certainly a plain number.

    Args:
        value: The expression.
        node: The function.
        depth: How many names were followed.
    """
    match value:
        case ast.Constant(value=constant):
            return isinstance(constant, int | float)
        case ast.Call(func=ast.Name(id=name)):
            return name in _MAKERS
        case ast.Call(func=ast.Attribute(attr=name), args=args):
            return name in _METHODS and (name != "item" or not args)
        case ast.UnaryOp(operand=inner):
            return is_number(inner, node, depth)
        case ast.BinOp(left=left, right=right):
            return is_number(left, node, depth) and is_number(right, node, depth)
        case ast.Name(id=name) if depth < _DEPTH:
            given = assigned_values(node, name)
            return bool(given) and all(is_number(one, node, depth + 1) for one in given or ())
    return False
