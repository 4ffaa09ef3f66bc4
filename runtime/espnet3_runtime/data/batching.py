"""Plans which items form a batch; a plan is two numpy arrays whatever the corpus size."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from espnet3_runtime.errors import UserError

Ints = NDArray[np.int64]
BATCH_SIZE = 8
"""Items of a batch where neither ``batch_size`` nor ``batch_bins`` says how many."""


@dataclass(frozen=True)
class Lengths:
    """Lengths of one field of every item of a split.

    Attributes:
        steps: ``(N,)`` length along the first axis.
        width: Elements in one step, the product of the other axes.
    """

    steps: Ints
    width: int = 1


@dataclass(frozen=True)
class BatchPlan:
    """Batches over the items of a split.

    Attributes:
        order: ``(N,)`` item indices, batch after batch.
        ends: ``(batches,)`` where each batch ends in ``order``.
        by_item: Whether shuffling mixes items (True) or only the order of batches.
    """

    order: Ints
    ends: Ints
    by_item: bool

    def __len__(self) -> int:
        return len(self.ends)

    def batch(self, index: int) -> list[int]:
        """Return the item indices of one batch."""
        start = self.ends[index - 1] if index else 0
        items: list[int] = self.order[start : self.ends[index]].tolist()
        return items


def make_plan(batches: Mapping[str, Any], count: int, lengths: Lengths | None) -> BatchPlan:
    """Plan the batches of a split.

    Args:
        batches: The ``batches`` block: ``unsorted`` and ``sorted`` make batches of ``batch_size``
            items; ``length`` fills a batch until its padded length (longest item times items)
            would exceed ``batch_bins``, ``numel`` likewise with padded elements, and until it has
            ``batch_size`` items, if that is given.
            ``min_batch_size`` items are put together even when they exceed ``batch_bins``.
        count: Number of items.
        lengths: Lengths of the items; None makes ``sorted`` unsorted.

    Raises:
        UserError: ``batch_bins`` or the lengths are missing, or no batch is left.
    """
    kind = batches["type"]
    if kind in ("numel", "length"):
        plan = _by_bins(batches, lengths, kind)
    else:
        plan = _by_size(batches, count, lengths if kind == "sorted" else None)
    if len(plan) == 0:
        raise UserError(
            f"drop_last leaves no batch of {count} items",
            where=getattr(batches, "where", ""),
            hint="set drop_last to false or make batch_size smaller",
        )
    return plan


def _by_size(batches: Mapping[str, Any], count: int, lengths: Lengths | None) -> BatchPlan:
    size = batches["batch_size"] or BATCH_SIZE
    order = np.arange(count) if lengths is None else np.argsort(lengths.steps, kind="stable")
    ends = np.arange(size, count + size, size).clip(max=count)
    if batches["drop_last"]:
        ends = ends[: count // size]
    return BatchPlan(order.astype(np.int64), ends.astype(np.int64), by_item=lengths is None)


def _by_bins(batches: Mapping[str, Any], lengths: Lengths | None, kind: str) -> BatchPlan:
    where = getattr(batches, "where", "")
    bins = batches["batch_bins"]
    if bins is None:
        raise UserError(f'type "{kind}" needs "batch_bins"', where=where)
    if lengths is None:
        raise UserError(
            f'type "{kind}" needs the length of every item',
            where=where,
            hint="add a collect_stats stage with this config, or a method lengths() to the Dataset",
        )
    width = lengths.width if kind == "numel" else 1
    least, most = batches["min_batch_size"], batches["batch_size"] or len(lengths.steps)
    if batches["batch_size"] and most < least:
        problem = f"a batch cannot have {least} items at least and {most} at most"
        hint = "make min_batch_size smaller or batch_size larger"
        raise UserError(problem, where=where, hint=hint)
    order = np.argsort(lengths.steps, kind="stable")
    sizes = lengths.steps[order] * width
    ends, start = [], 0
    while start < len(sizes):
        fitting = min(_batch_end(sizes, start, bins), start + most)
        start = max(fitting, min(start + least, len(sizes)))
        ends.append(start)
    if batches["drop_last"] and ends[-1] - (ends[-2] if len(ends) > 1 else 0) < least:
        ends.pop()
    return BatchPlan(order.astype(np.int64), np.array(ends, dtype=np.int64), by_item=False)


def _batch_end(sizes: Ints, start: int, bins: int) -> int:
    """Return the end of the longest batch from ``start`` whose padded size fits, by bisection.

    The padded size grows with the end, because ``sizes`` ascends.
    """
    low, high = start + 1, len(sizes)
    while low < high:
        middle = (low + high + 1) // 2
        if (middle - start) * int(sizes[middle - 1]) <= bins:
            low = middle
        else:
            high = middle - 1
    return low
