"""The attributes that a method sets, on its object or on any other."""

import ast

from espnet3_compiler.signature.flow import FunctionNode, all_nodes

_REGISTERING = ("register_buffer", "register_parameter", "register_module", "add_module")
_DYNAMIC_CALLS = ("setattr", "vars", "exec")


def set_attributes(node: FunctionNode) -> tuple[str, ...] | None:
    """Return the attributes that a method sets; None where their names are computed."""
    found: set[str] = set()
    for item in all_nodes(node):
        if isinstance(item, ast.Attribute):
            if item.attr == "__dict__":
                return None
            if isinstance(item.ctx, ast.Store):
                found.add(item.attr)
        elif isinstance(item, ast.Call):
            names = _registered(item)
            if names is None:
                return None
            found |= names
    return tuple(sorted(found))


def _registered(call: ast.Call) -> set[str] | None:
    """Return the attributes that a call sets; None where their names are computed."""
    match call:
        case ast.Call(func=ast.Name(id=name)) if name in _DYNAMIC_CALLS:
            return None
        case ast.Call(func=ast.Attribute(attr=name)) if name in _REGISTERING:
            first = call.args[0] if call.args else None
            return {str(first.value)} if isinstance(first, ast.Constant) else None
    return set()
