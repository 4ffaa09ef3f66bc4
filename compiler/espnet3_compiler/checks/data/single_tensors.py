"""Expressions that plainly give one tensor, whatever the tensors are that they are made of.

So is ``spectra - spectra.mean(1)``, ``feats.log().transpose(1, 2)`` and a variable that is nothing
but such an expression; not ``self.net(feats)``, which may give several, nor ``a + b``: two tuples
can be added, too.
"""

import ast

from espnet3_compiler.checks.data.certain_code import assigned_values, is_stored, positional_names
from espnet3_compiler.signature.flow import FunctionNode, dotted_name

_METHODS = frozenset(
    (
        *("abs", "add", "clamp", "clamp_max", "clamp_min", "clip", "clone", "contiguous", "detach"),
        *("div", "double", "exp", "flatten", "float", "half", "log", "log10", "log1p", "log2"),
        *("log_softmax", "masked_fill", "matmul", "mean", "mul", "neg", "permute", "pow", "relu"),
        *("reshape", "sigmoid", "softmax", "sqrt", "square", "squeeze", "std", "sub", "sum"),
        *("swapaxes", "tanh", "transpose", "unfold", "unsqueeze", "var", "view"),
    )
)
"""Methods of tensors that give one tensor; so do the functions of ``torch`` of the same names."""

_OF_NUMBERS = (ast.Sub, ast.Div, ast.Pow, ast.MatMult, ast.FloorDiv)
_OF_TORCH = ("torch", "nn.functional", "torch.nn.functional")


def is_single(node: FunctionNode, value: ast.expr, asked: frozenset[str] = frozenset()) -> bool:
    """Return whether an expression in a method that gets tensors plainly gives one.

    Args:
        node: The method.
        value: The expression.
        asked: The variables whose values this is asked for.
    """
    match value:
        case ast.BinOp(left=left, op=how, right=right):
            number = isinstance(left, ast.Constant) or isinstance(right, ast.Constant)
            if isinstance(how, _OF_NUMBERS) or (isinstance(how, ast.Add) and number):
                return True
            return any(is_single(node, one, asked) for one in (left, right))
        case ast.Call(func=ast.Attribute(value=owner, attr=name)) if name in _METHODS:
            first, _, _ = (dotted_name(owner) or "").partition(".")
            own = first in positional_names(node) or is_stored(node, first)
            return not first or own or dotted_name(owner) in _OF_TORCH
        case ast.Subscript(slice=ast.Tuple(elts=parts)):
            return any(isinstance(one, ast.Slice) for one in parts)
        case ast.Name(id=name):
            return name in asked or _is_single_variable(node, name, asked | {name})
    return isinstance(value, ast.UnaryOp)


def _is_single_variable(node: FunctionNode, name: str, asked: frozenset[str]) -> bool:
    """Return whether a variable is one tensor, whatever sets it; what a method gets is one.

    Args:
        node: The method.
        name: The variable.
        asked: The variables that are asked for, this one among them.
    """
    values = assigned_values(node, name, kept=True)
    if values is None or not (values or name in positional_names(node)):
        return False
    return all(is_single(node, one, asked) for one in values)
