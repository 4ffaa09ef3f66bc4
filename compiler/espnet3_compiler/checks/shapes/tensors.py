"""How the shape of a tensor changes: dimensions are taken away, exchanged, put in."""

import itertools
from collections.abc import Callable, Iterator, Sequence

from espnet3_compiler.checks.shapes.values import (
    Constant,
    Group,
    Shape,
    Size,
    Tensor,
    Value,
    tensor,
)

RANKS = (1, 2, 3, 4, 5)
"""The numbers of dimensions that a tensor may have of which nothing is known."""


def any_tensor(ranks: Sequence[int] = RANKS) -> Tensor:
    """Return a tensor of which only the possible numbers of dimensions are known."""
    return Tensor(tuple((None,) * rank for rank in ranks))


def changed(given: Tensor, change: Callable[[Shape], Shape | None]) -> Tensor | None:
    """Return a tensor after a change of its shape; shapes for which that fails are left out."""
    after = (change(shape) for shape in given.shapes)
    return tensor(shape for shape in after if shape is not None)


def axis_of(shape: Shape, axis: int, extra: int = 0) -> int | None:
    """Return the place of a dimension, counted from the first; None where there is none.

    Args:
        shape: The shape.
        axis: The dimension, counted from either end.
        extra: How many dimensions are to be put in.
    """
    count = len(shape) + extra
    return axis % count if -count <= axis < count else None


def put(shape: Shape, axis: int, size: Size | None) -> Shape | None:
    """Return a shape with another size of a dimension.

    Args:
        shape: The shape.
        axis: The dimension.
        size: Its new size.
    """
    place = axis_of(shape, axis)
    return None if place is None else (*shape[:place], size, *shape[place + 1 :])


def without_axis(shape: Shape, axis: int) -> Shape | None:
    """Return a shape without a dimension."""
    place = axis_of(shape, axis)
    return None if place is None else shape[:place] + shape[place + 1 :]


def reduced(given: Tensor, axes: Sequence[int], *, keep: bool) -> Tensor | None:
    """Return a tensor after a sum or the like over some dimensions.

    Args:
        given: The tensor.
        axes: The dimensions.
        keep: Whether they stay, with the size 1.
    """

    def change(shape: Shape) -> Shape | None:
        places = [axis_of(shape, axis) for axis in axes]
        if None in places:
            return None
        kept = [(None if place in places else size) for place, size in enumerate(shape)]
        return tuple(size for place, size in enumerate(kept) if keep or place not in places)

    return changed(given, change)


def permuted(given: Tensor, order: Sequence[int]) -> Tensor | None:
    """Return a tensor with its dimensions in another order."""

    def change(shape: Shape) -> Shape | None:
        places = [axis_of(shape, axis) for axis in order]
        if len(order) != len(shape) or len({*places}) != len(shape) or None in places:
            return None
        return tuple(shape[place] for place in places if place is not None)

    return changed(given, change)


def exchanged(given: Tensor, first: int, second: int) -> Tensor | None:
    """Return a tensor with two dimensions exchanged.

    Args:
        given: The tensor.
        first: A dimension.
        second: The other one.
    """

    def change(shape: Shape) -> Shape | None:
        one, other = axis_of(shape, first), axis_of(shape, second)
        if one is None or other is None:
            return None
        after = list(shape)
        after[one], after[other] = after[other], after[one]
        return tuple(after)

    return changed(given, change)


def with_axis(given: Tensor, axis: int) -> Tensor | None:
    """Return a tensor with a new dimension."""

    def change(shape: Shape) -> Shape | None:
        place = axis_of(shape, axis, 1)
        return None if place is None else (*shape[:place], Size(1), *shape[place:])

    return changed(given, change)


def squeezed(given: Tensor, axis: int) -> Tensor | None:
    """Return a tensor without a dimension if that has the size 1."""

    def change(shape: Shape) -> Iterator[Shape]:
        place = axis_of(shape, axis)
        size = shape[place] if place is not None else None
        if place is not None and (size is None or size.value != 1):
            yield shape
        if place is not None and (size is None or size.value == 1):
            yield shape[:place] + shape[place + 1 :]

    return tensor(after for shape in given.shapes for after in change(shape))


def flattened(given: Tensor, first: int, last: int) -> Tensor | None:
    """Return a tensor with several dimensions made one.

    Args:
        given: The tensor.
        first: The first of them.
        last: The last of them.
    """

    def change(shape: Shape) -> Shape | None:
        start, end = axis_of(shape, first), axis_of(shape, last)
        if start is None or end is None or start > end:
            return None
        inner = shape[start : end + 1]
        merged = inner[0] if len(inner) == 1 else None
        return (*shape[:start], merged, *shape[end + 1 :])

    return changed(given, change)


def divided(given: Tensor, count: int, axis: int) -> Value:
    """Return the parts of a tensor that is cut into some of equal size.

    Args:
        given: The tensor.
        count: How many there are.
        axis: The dimension that is cut.
    """

    def change(shape: Shape) -> Shape | None:
        place = axis_of(shape, axis)
        size = shape[place] if place is not None else None
        whole = size and size.value % count == 0
        part = Size(size.value // count, size.layer) if size and whole else None
        return put(shape, axis, part)

    part = changed(given, change) if count > 0 else None
    return Group((part,) * count) if part else None


def joined(items: Sequence[Value], axis: int) -> Tensor | None:
    """Return tensors put behind one another along a dimension."""
    given = [item for item in items if isinstance(item, Tensor)]
    if not given or len(given) != len(items):
        return None
    every = itertools.islice(itertools.product(*(one.shapes for one in given)), 200)
    return tensor(shape for shapes in every for shape in _joined_shapes(shapes, axis))


def _joined_shapes(shapes: Sequence[Shape], axis: int) -> Iterator[Shape]:
    place = axis_of(shapes[0], axis)
    if place is None or len({len(shape) for shape in shapes}) > 1:
        return
    columns = list(zip(*shapes, strict=True))
    sizes = [size for size in columns[place] if size is not None]
    whole = len(sizes) == len(shapes)
    total = Size(sum(size.value for size in sizes), sizes[-1].layer) if whole else None
    first = [next((size for size in column if size), None) for column in columns]
    yield (*first[:place], total, *first[place + 1 :])


def broadcast(left: Tensor, right: Value) -> Tensor | None:
    """Return what an operator makes of a tensor and another value, item by item."""
    if isinstance(right, Constant):
        return left
    if not isinstance(right, Tensor):
        grown = (
            (None,) * (rank - len(shape)) + _without_ones(shape)
            for shape in left.shapes
            for rank in range(len(shape), max(len(shape), RANKS[-1]) + 1)
        )
        return tensor(grown)
    pairs = itertools.product(left.shapes, right.shapes)
    return tensor(shape for one, other in pairs if (shape := _fitted(one, other)) is not None)


def _fitted(left: Shape, right: Shape) -> Shape | None:
    """Return the shape of a result; None where two sizes contradict each other."""
    if not any(left) and not any(right):
        return (None,) * max(len(left), len(right))
    lead = len(left) - len(right)
    long, short = (left, right) if lead >= 0 else (right, left)
    after = list(long)
    for place, size in enumerate(short, abs(lead)):
        other = after[place]
        if other is None or other.value == 1:
            after[place] = size
        elif size is not None and size.value not in (1, other.value):
            return None
    return _without_ones(after)


def _without_ones(sizes: Sequence[Size | None]) -> Shape:
    """Return the sizes that stay whatever they are put together with; None for the others."""
    return tuple([None if size is None or size.value == 1 else size for size in sizes])


def contradiction(left: Tensor, right: Tensor) -> tuple[Size, Size] | None:
    """Return two sizes that cannot be added, one of each tensor; None where some may fit."""
    found = None
    for one, other in itertools.product(left.shapes, right.shapes):
        if _fitted(one, other) is not None:
            return None
        rows = zip(reversed(one), reversed(other), strict=False)
        pairs = ((a, b) for a, b in rows if a and b and 1 not in (a.value, b.value))
        found = found or next(((a, b) for a, b in pairs if a.value != b.value), None)
    return found


def indexed(given: Tensor, index: Sequence[object]) -> Tensor | None:
    """Return a part of a tensor.

    Args:
        given: The tensor.
        index: For each dimension: a number, ``slice(None)`` for all of it, another slice,
            ``SOME`` where its ends are not known, None for a new dimension, or ``...``.
    """
    return changed(given, lambda shape: _indexed_shape(shape, index))


def _indexed_shape(shape: Shape, index: Sequence[object]) -> Shape | None:
    taken = sum(one is not None and one is not ... for one in index)
    rest = len(shape) - taken
    if rest < 0:
        return None
    whole = [slice(None)] * rest
    at = index.index(...) if ... in index else len(index)
    after: list[Size | None] = []
    sizes = iter(shape)
    for one in (*index[:at], *whole, *index[at + 1 :]):
        size = Size(1) if one is None else next(sizes)
        if not isinstance(one, int):
            after.append(_sliced(size, one) if isinstance(one, slice) else size)
    return tuple(after)


SOME = slice("some")
"""A part of a dimension of which the ends are not known."""


def _sliced(size: Size | None, part: slice) -> Size | None:
    """Return the size of a part of a dimension; None where it is not known."""
    if size is None or part == slice(None):
        return size
    if part == SOME:
        return None
    return Size(len(range(size.value)[part]), None, size.argument)


def multiplied(left: Value, right: Value) -> Tensor | None:
    """Return the product of matrices; None where the second one has not two dimensions."""
    if not isinstance(right, Tensor) or {len(shape) for shape in right.shapes} != {2}:
        return None
    given = left if isinstance(left, Tensor) else any_tensor()
    pairs = itertools.product(given.shapes, right.shapes)
    return tensor((*one[:-1], other[-1]) for one, other in pairs if one)
