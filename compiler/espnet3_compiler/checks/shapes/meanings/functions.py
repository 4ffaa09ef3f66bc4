"""What functions of ``torch``, methods of tensors and operators make of the meaning of a tensor."""

import ast
from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from espnet3_compiler.checks.shapes import tensors
from espnet3_compiler.checks.shapes.meanings.axes import is_whole, meant, rank_of
from espnet3_compiler.checks.shapes.meanings.words import (
    LENGTHS,
    LOG_SOFTMAX,
    SCORES,
    SIGMOID,
    SOFTMAX,
)
from espnet3_compiler.checks.shapes.torch_functions import apply_function
from espnet3_compiler.checks.shapes.values import Constant, Group, Meaning, Tensor, Value

_SQUASHING = (SOFTMAX, LOG_SOFTMAX, SIGMOID)
_MOVING = (
    *("detach", "clone", "float", "double", "half", "bfloat16", "to", "type_as", "cuda", "cpu"),
    *("contiguous", "transpose", "swapaxes", "permute", "unsqueeze", "squeeze", "flatten"),
    *("reshape", "view", "long", "int", "masked_fill", "masked_fill_", "nan_to_num"),
)
"""What leaves numbers what they are."""

_ROUNDING = ("ceil", "floor", "round", "add", "sub", "mul", "div", "clamp_max")
_CLAMPS = ("clamp", "clamp_min", "clip")
_ITEMWISE = ("add", "sub", "mul", "div", "masked_fill", "multiply", "subtract", "pow")
_JOINING = ("cat", "concat", "concatenate")
_SMALL = 0.01


def apply_meant(name: str, given: Sequence[Value], named: Mapping[str, Value]) -> Value:
    """Return what a function or a method of a tensor makes of values, with what that means.

    Args:
        name: The function or method, without its module.
        given: Its arguments; the first one is the tensor.
        named: Further arguments, by name.
    """
    found = apply_function(name, given, named)
    first, rest = (given[0] if given else named.get("input")), given[1:]
    if name in _JOINING and isinstance(first, Group) and first.items:
        others = first.items[1:]
        return meant(
            found,
            first.items[0],
            lambda one: apply_function(name, [Group((one, *others)), *rest], named),
        )
    if not isinstance(first, Tensor):
        return found
    if name.startswith("pack_padded"):
        return meant(found, None, _unchanged)
    if name == "pad_packed_sequence":
        return _unpacked(found, [*rest, None][0], named)
    if name in _ITEMWISE and is_whole(first):
        rest = [_settled(one) for one in rest]
    numbers, field = _numbers_after(name, first.meaning), _field_after(name, first.meaning, rest)
    words = {key: one for key, one in named.items() if key != "input"}
    found = meant(
        found, first, lambda one: apply_function(name, [one, *rest], words), numbers, field
    )
    return _over(found, [*rest, named.get("dim")][0]) if name in (SOFTMAX, LOG_SOFTMAX) else found


def operated_meant(found: Value, operation: ast.operator, left: Value, right: Value) -> Value:
    """Return the result of an operator with what it means.

    Args:
        found: The result.
        operation: The operator.
        left: The first value.
        right: The second one.
    """
    if isinstance(operation, ast.MatMult):
        return meant(found, left, lambda one: tensors.multiplied(one, right))
    known = isinstance(left, Tensor) and (left.meaning.batch is not None or left.meaning.field)
    given, other = (left, right) if known else (right, left)
    if not isinstance(given, Tensor):
        given, other = left, right
    if not isinstance(given, Tensor) or not isinstance(found, Tensor):
        return found
    settled = _settled(other) if is_whole(given) else other
    numbers = _numbers_operated(operation, given.meaning, other) if given is left else ""
    counts = given.meaning.field.endswith(LENGTHS) and not isinstance(other, Tensor)
    field = given.meaning.field if counts else ""
    return meant(found, given, lambda one: tensors.broadcast(one, settled), numbers, field)


def over_axis(found: Value, axis: int | None) -> Value:
    """Return a tensor with the axis noted over which a softmax was taken, where that is known."""
    if not isinstance(found, Tensor):
        return found
    rank = rank_of(found)
    known = axis is not None and rank is not None and -rank <= axis < rank
    normal = axis % rank if known else None  # type: ignore[operator]
    return replace(found, meaning=replace(found.meaning, normal=normal))


def _over(found: Value, axis: Value) -> Value:
    number = axis.value if isinstance(axis, Constant) else None
    return over_axis(found, number if type(number) is int else None)


def _unchanged(given: Tensor) -> Value:
    return given


def _unpacked(found: Value, second: Value, named: Mapping[str, Value]) -> Value:
    """Return sequences that were packed, which have the batch first only if that is asked."""
    first = named.get("batch_first", second or Constant(False))
    given = found.items[0] if isinstance(found, Group) else None
    if not isinstance(given, Tensor) or not isinstance(first, Constant):
        return meant(found, None, _unchanged)
    return Group((replace(given, meaning=Meaning(0 if first.value else 1)), None))


def _settled(other: Value) -> Value:
    """Return another operand; one of which nothing is known adds no dimension."""
    ranks = {len(shape) for shape in other.shapes} if isinstance(other, Tensor) else set()
    return Constant(0) if other is None or len(ranks) > 1 else other


def _numbers_after(name: str, before: Meaning) -> str:
    numbers = before.numbers
    if name in _SQUASHING:
        return name
    if name in _CLAMPS:
        return "" if numbers == SCORES else numbers
    if name == "log" and numbers == SOFTMAX:
        return LOG_SOFTMAX
    if name == "exp" and numbers == LOG_SOFTMAX:
        return SOFTMAX
    return numbers if name in _MOVING or name == "dropout" else ""


def _field_after(name: str, before: Meaning, rest: Sequence[Value]) -> str:
    plain = not any(isinstance(one, Tensor) for one in rest)
    kept = name in _MOVING or name in _CLAMPS
    counts = before.field.endswith(LENGTHS) and name in _ROUNDING
    return before.field if plain and (kept or counts) else ""


def _numbers_operated(operation: ast.operator, before: Meaning, other: Value) -> str:
    number = other.value if isinstance(other, Constant) else None
    if not isinstance(number, int | float):
        return ""
    if before.numbers == SCORES and isinstance(operation, ast.Mult | ast.Div):
        return SCORES
    added = isinstance(operation, ast.Add) and abs(number) < _SMALL
    return before.numbers if added and before.numbers == SOFTMAX else ""
