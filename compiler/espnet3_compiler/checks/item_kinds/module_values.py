"""Values that a module gives to names at its top, once: ``LANGUAGES = "abc"``."""

import ast

from espnet3_compiler.checks.data.certain_code import is_own
from espnet3_compiler.checks.item_kinds.kinds import Maker
from espnet3_compiler.signature.flow import all_nodes

_CHANGING = ("append", "extend", "insert", "setdefault", "update")
_NO_VALUES = ("piece", "module", "import")
"""Kinds of bindings: functions, classes and imports."""


def module_value(name: ast.expr, maker: Maker) -> ast.expr | None:
    """Return the value of a name that its module sets, and the function does not.

    Args:
        name: The name.
        maker: The function in which it stands.
    """
    if not isinstance(name, ast.Name):
        return None
    key = ("constant", maker.body.file.name, name.id)
    if key not in maker.library.memo:
        maker.library.memo[key] = _find_value(name.id, maker)
    value: ast.expr | None = maker.library.memo[key]
    return None if is_own(maker.body.node, name.id) else value


def module_items(name: ast.expr, maker: Maker) -> list[ast.expr]:
    """Return what an element of a list or mapping can be that a module writes out."""
    match module_value(name, maker):
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return [] if any(isinstance(one, ast.Starred) for one in items) else items
        case ast.Dict(keys=keys, values=values) if None not in keys:
            return values
    return []


def _find_value(name: str, maker: Maker) -> ast.expr | None:
    summary = maker.body.file.module
    rows = summary.bindings.get(name, ()) if summary else ()
    if all(row.kind in _NO_VALUES for row in rows):
        return None  # most names: the module need not be parsed
    tree = maker.body.file.tree
    stores = [
        one
        for one in all_nodes(tree)
        if isinstance(one, ast.Name) and one.id == name and not isinstance(one.ctx, ast.Load)
    ]
    changed = any(_may_change(one, name) for one in all_nodes(tree))
    for item in tree.body if len(stores) == 1 and not changed else ():
        match item:
            case ast.Assign(targets=[target], value=value) if target is stores[0]:
                return value
            case ast.AnnAssign(target=target, value=ast.expr() as value) if target is stores[0]:
                return value
    return None


def _may_change(node: ast.AST, name: str) -> bool:
    """Return whether a node may change what a list or mapping holds."""
    match node:
        case ast.Subscript(value=ast.Name(id=other), ctx=ast.Store() | ast.Del()):
            return other == name
        case ast.Call(func=ast.Attribute(value=ast.Name(id=other), attr=method)):
            return other == name and method in _CHANGING
    return False
