"""Where an axis of a tensor goes: it is given a size of its own, which is looked for afterwards."""

from collections.abc import Callable

from espnet3_compiler.checks.shapes.tensors import put
from espnet3_compiler.checks.shapes.values import Group, Meaning, Size, Tensor, Value

_MARK = 2**61 - 1
"""A size that no tensor has, and that nothing divides."""

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
    before = given.meaning if isinstance(given, Tensor) else Meaning()
    marked = [
        operate(_marked(given, axis)) if axis is not None and isinstance(given, Tensor) else None
        for axis in (before.batch, before.normal)
    ]
    return _noted(found, marked[0], marked[1], Meaning(numbers=numbers, field=field))


def rank_of(value: Value) -> int | None:
    """Return how many dimensions a tensor has; None where that is not known."""
    ranks = {len(shape) for shape in value.shapes} if isinstance(value, Tensor) else set()
    return ranks.pop() if len(ranks) == 1 else None


def _marked(given: Tensor, axis: int) -> Tensor:
    shapes = (put(shape, axis, Size(_MARK)) for shape in given.shapes if len(shape) > axis)
    return Tensor(tuple(shape for shape in shapes if shape is not None))


def _noted(found: Value, batch: Value, normal: Value, rest: Meaning) -> Value:
    if isinstance(found, Tensor):
        return found._replace(meaning=rest._replace(batch=_place(batch), normal=_place(normal)))
    if isinstance(found, Group):
        count = len(found.items)
        columns = (found.items, _items(batch, count), _items(normal, count))
        return Group(tuple(_noted(*row, rest) for row in zip(*columns, strict=True)))
    return found


def _items(value: Value, count: int) -> tuple[Value, ...]:
    whole = isinstance(value, Group) and len(value.items) == count
    return value.items if isinstance(value, Group) and whole else (None,) * count


def _place(value: Value) -> int | None:
    """Return where the mark is; None where it is gone, or may be at several places."""
    places = set()
    for shape in value.shapes if isinstance(value, Tensor) else ():
        found = [place for place, size in enumerate(shape) if size and size.value == _MARK]
        places.add(found[0] if len(found) == 1 else None)
    return places.pop() if len(places) == 1 else None
