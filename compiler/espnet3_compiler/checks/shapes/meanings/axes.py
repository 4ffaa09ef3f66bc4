"""Where an axis of a tensor goes: it is given a size of its own, which is looked for afterwards."""

from collections.abc import Callable

from msgspec.structs import replace

from espnet3_compiler.checks.shapes.meanings.words import LOG_SOFTMAX, SOFTMAX
from espnet3_compiler.checks.shapes.tensors import put
from espnet3_compiler.checks.shapes.values import Group, Meaning, Size, Tensor, Value

_MARK = 2**61 - 1
"""A size that no tensor has, and that nothing divides."""

_WHOLE = 3
"""A tensor of so many dimensions has all that a batch has: others are added to it, not it to them.
"""

Operation = Callable[[Tensor], Value]
"""What is done to a tensor."""


def meant(
    found: Value, given: Value, operate: Operation, numbers: str = "", field: str = ""
) -> Value:
    """Return the result of an operation with what its axes mean.

    Args:
        found: The result.
        given: The tensor.
        operate: What is done to it.
        numbers: What gives the numbers of the result.
        field: The field of a batch that it is.
    """
    if not isinstance(given, Tensor):
        return _noted(found, None, None, Meaning(None, None, numbers, field))
    batch = given.meaning.batch
    normal = given.meaning.normal if numbers in (SOFTMAX, LOG_SOFTMAX) else None
    if isinstance(found, Tensor) and found.shapes is given.shapes:
        return replace(found, meaning=Meaning(batch, normal, numbers, field))
    marked = [
        operate(_marked(given, axis)) if axis is not None else None for axis in (batch, normal)
    ]
    return _noted(found, marked[0], marked[1], Meaning(None, None, numbers, field))


def rank_of(value: Value) -> int | None:
    """Return how many dimensions a tensor has; None where that is not known."""
    ranks = {len(shape) for shape in value.shapes} if isinstance(value, Tensor) else set()
    return ranks.pop() if len(ranks) == 1 else None


def is_whole(given: Tensor) -> bool:
    """Return whether a tensor certainly has another axis than those of items and numbers."""
    return all(len(shape) >= _WHOLE for shape in given.shapes)


def may_be_single(given: Tensor) -> bool:
    """Return whether a tensor may be that of one item: an axis put in for it, or only two."""
    put_in = any(size and size.value == 1 for shape in given.shapes for size in shape)
    return put_in or all(len(shape) < _WHOLE for shape in given.shapes)


def _marked(given: Tensor, axis: int) -> Tensor:
    shapes = (put(shape, axis, Size(_MARK)) for shape in given.shapes if len(shape) > axis)
    return Tensor(tuple(shape for shape in shapes if shape is not None))


def _noted(found: Value, batch: Value, normal: Value, rest: Meaning) -> Value:
    if isinstance(found, Tensor):
        places = _place(batch, found), _place(normal, found)
        return replace(found, meaning=replace(rest, batch=places[0], normal=places[1]))
    if isinstance(found, Group):
        count = len(found.items)
        columns = (found.items, _items(batch, count), _items(normal, count))
        return Group(tuple(_noted(*row, rest) for row in zip(*columns, strict=True)))
    return found


def _items(value: Value, count: int) -> tuple[Value, ...]:
    whole = isinstance(value, Group) and len(value.items) == count
    return value.items if isinstance(value, Group) and whole else (None,) * count


def _place(marked: Value, found: Tensor) -> int | None:
    """Return where the mark is; None where it may be gone, or at several places."""
    if not isinstance(marked, Tensor):
        return None
    places, ranks = set(), {len(shape) for shape in marked.shapes}
    for shape in marked.shapes:
        at = [place for place, size in enumerate(shape) if size and size.value == _MARK]
        places.add(at[0] if len(at) == 1 else None)
    kept = all(len(shape) in ranks for shape in found.shapes)
    return places.pop() if len(places) == 1 and kept else None
