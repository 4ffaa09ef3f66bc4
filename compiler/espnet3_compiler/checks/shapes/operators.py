"""What operators, attributes and indices make of values whose shapes are known."""

import ast
from collections.abc import Sequence

from msgspec.structs import replace

from espnet3_compiler.checks.shapes import tensors
from espnet3_compiler.checks.shapes.frames import FollowedFunction
from espnet3_compiler.checks.shapes.list_ends import beyond_end
from espnet3_compiler.checks.shapes.made.arrays import numbered
from espnet3_compiler.checks.shapes.made.lists import list_items
from espnet3_compiler.checks.shapes.meanings.axes import meant
from espnet3_compiler.checks.shapes.meanings.functions import operated_meant
from espnet3_compiler.checks.shapes.meanings.pairs import difference_finding
from espnet3_compiler.checks.shapes.methods import field_name, rank_number
from espnet3_compiler.checks.shapes.torch_layers import Mismatch
from espnet3_compiler.checks.shapes.values import (
    CODES,
    CallArgument,
    Constant,
    Group,
    Item,
    Numbering,
    Repeated,
    Tensor,
    Value,
)
from espnet3_compiler.signature.flow import dotted_name

_MOST_ITEMS = 64


def attribute_of(value: Value, name: str) -> Value:
    """Return an attribute of a tensor, or of what ``max`` and the like give."""
    match value:
        case Tensor() if name in ("mT", "T"):
            turn = _exchange_last if name == "mT" else _turn
            return meant(turn(value), value, turn, value.meaning.numbers)
        case Tensor() if name == "ndim":
            return rank_number(value)
        case Tensor() if name in ("real", "imag"):
            return Tensor(value.shapes)
        case Group(items=(first, second)) if name in ("values", "indices"):
            return first if name == "values" else second
    return None


def _exchange_last(given: Tensor) -> Tensor | None:
    return tensors.exchanged(given, -1, -2)


def _turn(given: Tensor) -> Tensor | None:
    return tensors.changed(given, lambda shape: shape[::-1])


def operated(
    node: ast.BinOp | ast.AugAssign, left: Value, right: Value, frame: FollowedFunction
) -> Value:
    """Return what an operator makes of two values.

    Args:
        node: The operator with its place.
        left: The first value.
        right: The second one.
        frame: The function in which it stands.
    """
    found = _operated(node.op, left, right, frame)
    if not isinstance(found, Tensor):
        return found
    frame.report(difference_finding(node, left, right, frame.body))
    return operated_meant(found, node.op, left, right)


def _operated(operation: ast.operator, left: Value, right: Value, frame: FollowedFunction) -> Value:
    match left, operation, right:
        case Group(items=first), ast.Add(), Group(items=second):
            return Group((*first, *second))
        case Group(items=items), ast.Mult(), Constant(value=int(count)):
            return Group(items * count) if 0 < count * len(items) <= _MOST_ITEMS else None
        case _, ast.MatMult(), _:
            return tensors.multiplied(left, right)
        case Item(), ast.BitOr(), _:
            return left.updated(right)
        case Tensor(), _, _ if _may_be_number(right):
            return _itemwise(left, operation, right, frame)
        case _, _, Tensor() if _may_be_number(left):
            return tensors.broadcast(Tensor(right.shapes), left)
    return None


def _itemwise(
    left: Tensor, operation: ast.operator, right: Value, frame: FollowedFunction
) -> Value:
    """Return what an operator makes of a tensor and a number or another tensor."""
    found = tensors.broadcast(left, right)
    if found is None and isinstance(right, Tensor):
        apart = tensors.contradiction(left, right)
        if apart and apart[1].layer and apart[1].argument:
            frame.report(Mismatch(apart[1].layer, apart[1].argument, apart[0], added=True))
    return _renumbered(found, left, operation, right) if left.numbering else found


def compared(left: Value, right: Value) -> Value:
    """Return what a comparison gives: a tensor of truths, where it is one of tensors."""
    first, other = (left, right) if isinstance(left, Tensor) else (right, left)
    found = tensors.broadcast(first, other) if isinstance(first, Tensor) else None
    return found and Tensor(found.shapes)


def negated(value: Value) -> Value:
    """Return what a sign makes of a tensor, whose numbers are others then."""
    if not isinstance(value, Tensor):
        return None
    return replace(value, meaning=replace(value.meaning, numbers=""))


UNKNOWN = "unknown"
"""A place in an index that may be anything."""

SOME_NUMBER = "number"
"""A place in an index that is a number."""


def part_of(node: ast.Subscript, frame: FollowedFunction) -> Value:
    """Return a part of a value: a constant only where that may be one."""
    owner = frame.run.evaluate(node.value, frame)
    known = frame.constant(node) if isinstance(owner, Constant | Group | Item) else None
    return _indexed(owner, node.slice, frame) if known is None else known


def _indexed(value: Value, index: ast.expr, frame: FollowedFunction) -> Value:
    """Return a part of a value."""
    if isinstance(value, Item):
        return _item_part(value, field_name(frame.run.evaluate(index, frame)), _index(index, frame))
    parts = index.elts if isinstance(index, ast.Tuple) else [index]
    places = [_place_in(one, frame) for one in parts]
    return _taken(value, places, index, frame)


def _index(node: ast.expr, frame: FollowedFunction) -> CallArgument:
    return frame.argument(frame.constant(node), node)


def _place_in(node: ast.expr, frame: FollowedFunction) -> object:
    """Return an item of an index."""
    if isinstance(node, ast.Slice):
        ends = (node.lower, node.upper, node.step)
        known = [frame.run.evaluate(one, frame) if one else Constant(None) for one in ends]
        numbers = [one.value if isinstance(one, Constant) else "" for one in known]
        whole = all(one is None or type(one) is int for one in numbers)
        return slice(*numbers) if whole else tensors.SOME
    if (dotted_name(node) or "").endswith(".newaxis"):
        return None
    value = frame.run.evaluate(node, frame)
    if isinstance(value, Tensor) and value.shapes == ((),):
        return SOME_NUMBER
    if not isinstance(value, Constant) or isinstance(value.value, bool):
        return UNKNOWN
    plain = value.value is None or value.value is ... or isinstance(value.value, int)
    return value.value if plain else UNKNOWN


def _taken(
    value: Value, places: Sequence[object], index: ast.expr, frame: FollowedFunction
) -> Value:
    """Return a part of a list or tensor.

    Args:
        value: The list or tensor.
        places: What the index has for each dimension.
        index: The index itself.
        frame: The function in which it stands.
    """
    if isinstance(value, Constant) and isinstance(value.value, dict):
        return numbered([*value.value.values()], _index(index, frame).place)
    items = list_items(value)
    if items is not None and len(places) == 1:
        place = places[0]
        frame.report(beyond_end(_index(index, frame), len(items)))
        whole = isinstance(place, int) and -len(items) <= place < len(items)
        return items[place] if whole and isinstance(place, int) else None
    if UNKNOWN in places:
        return None
    if isinstance(value, Repeated) and len(places) == 1:
        return value if isinstance(places[0], slice) else value.item
    at = [0 if one == SOME_NUMBER else one for one in places]
    if not isinstance(value, Tensor):
        return None
    numbers = value.meaning.numbers
    return meant(tensors.indexed(value, at), value, lambda one: tensors.indexed(one, at), numbers)


def _item_part(value: Item, key: str | None, index: CallArgument) -> Value:
    """Return a field of a mapping, or the one number of several that it is in any case.

    Args:
        value: The mapping.
        key: The name of the field; None where it is not known.
        index: What it is looked up by.
    """
    if key or not value.closed:
        return value.value_of(key)
    held = [one.value for one in value.fields.values()]
    return numbered([one.value if isinstance(one, Constant) else one for one in held], index.place)


def _may_be_number(value: Value) -> bool:
    if isinstance(value, Constant):
        return isinstance(value.value, int | float | complex)
    return value is None or isinstance(value, Tensor)


_LAST = {ord(first) - before: ord(last) for first, last in ("az", "AZ", "09") for before in (0, 1)}
"""By what is taken off the code of a letter or digit to number it from 0 or 1: the last one."""


def _renumbered(
    found: Tensor | None, left: Tensor, operation: ast.operator, right: Value
) -> Tensor | None:
    """Return the result of an operator with how far its numbers go, where that is still known."""
    shift = right.value if isinstance(right, Constant) else None
    if found is None or left.numbering is None or type(shift) is not int:
        return found and replace(found, numbering=None)
    return replace(found, numbering=_shifted(left.numbering, operation, shift))


def _shifted(given: Numbering, operation: ast.operator, shift: int) -> Numbering | None:
    """Return the numbers after a sum or difference; None where they are not known."""
    highest = given.highest
    if highest == CODES:
        highest = _LAST.get(shift, CODES) if isinstance(operation, ast.Sub) else CODES
    if highest == CODES or not isinstance(operation, ast.Add | ast.Sub):
        return None
    change = shift if isinstance(operation, ast.Add) else -shift
    return replace(given, highest=highest + change)
