"""Plans which items form a batch; a plan is two numpy arrays whatever the corpus size."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from espnet3_runtime.errors import UserError

Ints = NDArray[np.int64]
BATCH_SIZE = 8
"""Items of a batch where neither ``batch_size`` nor ``batch_bins`` says how many."""


_WINDOW = 64  # items that are looked at together for the end of a batch


@dataclass(frozen=True)
class Lengths:
    """Lengths of one field of every item of a split, and of the fields that count with it.

    Attributes:
        steps: ``(N,)`` length along the first axis.
        width: Elements in one step, the product of the other axes.
        others: Those of other fields, where a batch is filled by several.
    """

    steps: Ints
    width: int = 1
    others: tuple["Lengths", ...] = ()


class DrawnBatches(Protocol):
    """The batches of one pass through the data."""

    def batch(self, index: int) -> list[Any]:
        """Return what the data set is asked for, for one batch."""


class EpochPlan(Protocol):
    """Gives the batches of a pass through the data, equally many in each."""

    def __len__(self) -> int:
        """Return how many batches a pass has."""

    def draw(self, seed: Sequence[int] | None) -> tuple[DrawnBatches, Ints]:
        """Return the batches of a pass, and ``(batches,)`` their order.

        ``seed`` is None where all passes are the same.
        """


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

    def draw(self, seed: Sequence[int] | None) -> tuple["BatchPlan", Ints]:
        """Return the batches of a pass with other items, or in another order, by the seed."""
        indices = np.arange(len(self))
        if seed is None:
            return self, indices
        rng = np.random.default_rng(seed)
        if self.by_item:
            return replace(self, order=rng.permutation(self.order)), indices
        return self, rng.permutation(indices)


def make_plan(batches: Mapping[str, Any], count: int, lengths: Lengths | None) -> BatchPlan:
    """Plan the batches of a split.

    Args:
        batches: The ``batches`` block: ``unsorted`` and ``sorted`` make batches of ``batch_size``
            items; ``length`` fills a batch until its padded length (longest item times items)
            would exceed ``batch_bins``, ``numel`` likewise with padded elements, and until it has
            ``batch_size`` items, if that is given.  Of several fields the sum counts.
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
        raise no_batch_error(batches, count)
    return plan


def no_batch_error(batches: Mapping[str, Any], count: int) -> UserError:
    """Return the error of a ``batches`` block that leaves no batch of so many items."""
    return UserError(
        f"drop_last leaves no batch of {count} items",
        where=getattr(batches, "where", ""),
        hint="set drop_last to false or make batch_size smaller",
    )


def batch_ends(batches: Mapping[str, Any], count: int) -> Ints:
    """Return where batches of ``batch_size`` items end in an order of ``count`` items."""
    size = batches["batch_size"] or BATCH_SIZE
    ends = np.arange(size, count + size, size, dtype=np.int64).clip(max=count)
    return ends[: count // size] if batches["drop_last"] else ends


def _by_size(batches: Mapping[str, Any], count: int, lengths: Lengths | None) -> BatchPlan:
    order = np.arange(count) if lengths is None else np.argsort(lengths.steps, kind="stable")
    ends = batch_ends(batches, count)
    return BatchPlan(order.astype(np.int64), ends, by_item=lengths is None)


def _by_bins(batches: Mapping[str, Any], lengths: Lengths | None, kind: str) -> BatchPlan:
    if batches["batch_bins"] is None:
        where = getattr(batches, "where", "")
        raise UserError(f'type "{kind}" needs "batch_bins"', where=where)
    if lengths is None:
        raise no_lengths_error(batches)
    order = np.argsort(lengths.steps, kind="stable")
    fields = (lengths, *lengths.others)
    widths = [one.width if kind == "numel" else 1 for one in fields]
    pairs = zip(fields, widths, strict=True)
    ends = fill_batches(batches, np.stack([one.steps[order] * width for one, width in pairs]))
    return BatchPlan(order.astype(np.int64), ends, by_item=False)


def fill_batches(batches: Mapping[str, Any], sizes: Ints, *, padded: bool = True) -> Ints:
    """Return where batches end that are filled up to ``batch_bins``, in the order of the items.

    Args:
        batches: The ``batches`` block; ``batch_size`` and ``min_batch_size`` limit them as well.
        sizes: ``(fields, N)`` lengths or elements of the items, in their order.
        padded: Whether each item counts as the largest of its batch, and not as it is.

    Raises:
        UserError: A batch would need more items than it may have.
    """
    count = sizes.shape[1]
    least, most = read_limits(batches, count)
    ends, start = [], 0
    while start < count:
        fitting = min(_batch_end(sizes, start, batches["batch_bins"], padded), start + most)
        start = max(fitting, min(start + least, count))
        ends.append(start)
    if batches["drop_last"] and ends[-1] - (ends[-2] if len(ends) > 1 else 0) < least:
        ends.pop()
    return np.array(ends, dtype=np.int64)


def read_limits(batches: Mapping[str, Any], unlimited: int) -> tuple[int, int]:
    """Return how many items a batch has at least and at most.

    Args:
        batches: The ``batches`` block.
        unlimited: The most where ``batch_size`` does not say it.

    Raises:
        UserError: It would need more than it may have.
    """
    least, most = batches["min_batch_size"], batches["batch_size"] or unlimited
    if batches["batch_size"] and most < least:
        problem = f"a batch cannot have {least} items at least and {most} at most"
        hint = "make min_batch_size smaller or batch_size larger"
        raise UserError(problem, where=getattr(batches, "where", ""), hint=hint)
    return least, most


def no_lengths_error(batches: Mapping[str, Any]) -> UserError:
    """Return the error of a kind of batches that needs lengths, where they are not known."""
    return UserError(
        f'type "{batches["type"]}" needs the length of every item',
        where=getattr(batches, "where", ""),
        hint="add a collect_stats stage with this config, or a method lengths() to the Dataset",
    )


def _batch_end(sizes: Ints, start: int, bins: int, padded: bool) -> int:
    """Return the end of the longest batch from ``start`` whose size fits.

    Args:
        sizes: ``(fields, N)`` lengths or elements; the padded size of a batch is the sum of the
            largest of each field, times its items.
        start: Where the batch begins.
        bins: What fits.
        padded: Whether the padded size counts; else that of the items.
    """
    window = _WINDOW
    while True:
        looked_at = sizes[:, start : start + window]
        if padded:
            largest = np.maximum.accumulate(looked_at, axis=1).sum(axis=0)
            total = largest * np.arange(1, len(largest) + 1)  # grows with the end
        else:
            total = looked_at.sum(axis=0).cumsum()
        fitting = int(np.searchsorted(total, bins, side="right"))
        if fitting < len(total) or start + window >= sizes.shape[1]:
            return start + max(fitting, 1)
        window *= 2
