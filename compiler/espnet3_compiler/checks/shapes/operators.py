"""What operators and attributes make of values whose shapes are known."""

import ast

from espnet3_compiler.checks.shapes import tensors
from espnet3_compiler.checks.shapes.frames import FollowedFunction
from espnet3_compiler.checks.shapes.torch_layers import Mismatch
from espnet3_compiler.checks.shapes.values import Constant, Group, Tensor, Value

_MOST_ITEMS = 64


def attribute_of(value: Value, name: str) -> Value:
    """Return an attribute of a tensor, or of what ``max`` and the like give."""
    match value:
        case Tensor() if name == "mT":
            return tensors.exchanged(value, -1, -2)
        case Group(items=(first, second)) if name in ("values", "indices"):
            return first if name == "values" else second
    return None


def operated(operation: ast.operator, left: Value, right: Value, frame: FollowedFunction) -> Value:
    """Return what an operator makes of two values.

    Args:
        operation: The operator.
        left: The first value.
        right: The second one.
        frame: The function in which it stands.
    """
    if isinstance(left, Group) and isinstance(right, Group) and isinstance(operation, ast.Add):
        return Group((*left.items, *right.items))
    if isinstance(left, Group) and isinstance(right, Constant) and isinstance(operation, ast.Mult):
        count = right.value if isinstance(right.value, int) else 0
        return Group(left.items * count) if 0 < count * len(left.items) <= _MOST_ITEMS else None
    if isinstance(operation, ast.MatMult):
        return None
    if isinstance(left, Tensor) and isinstance(right, Tensor):
        apart = tensors.contradiction(left, right)
        if apart and apart[1].layer and apart[1].argument:
            frame.report(Mismatch(apart[1].layer, apart[1].argument, apart[0], added=True))
    if isinstance(left, Tensor):
        return tensors.broadcast(left, right)
    return tensors.broadcast(right, left) if isinstance(right, Tensor) else None
