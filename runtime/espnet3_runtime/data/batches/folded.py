"""Batches of fewer items the longer these are, as by ESPnet2's folded sampler."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from espnet3_runtime.data.batches.categories import Names
from espnet3_runtime.data.batching import (
    BATCH_SIZE,
    BatchPlan,
    Ints,
    Lengths,
    no_lengths_error,
    read_limits,
)
from espnet3_runtime.errors import UserError


def plan_folded(
    batches: Mapping[str, Any], lengths: Lengths | None, names: Names | None
) -> BatchPlan:
    """Plan batches of ``batch_size // (1 + L // F)`` items of like length.

    ``L`` is the length of the shortest of them, in steps of a field, and ``F`` the field's number
    in ``fold_lengths``; of several fields that with the fewest items counts.

    Args:
        batches: The ``batches`` block, with ``type: folded``.
        lengths: Lengths of the items, of all fields.
        names: ``(N,)`` category of every item, where a batch has items of one only.

    Raises:
        UserError: There are no lengths, or not one number for each field.
    """
    where, folds = getattr(batches, "where", ""), batches["fold_lengths"]
    if not folds:
        raise UserError('type "folded" needs "fold_lengths"', where=where)
    if lengths is None:
        raise no_lengths_error(batches)
    fields = (lengths, *lengths.others)
    if len(folds) != len(fields):
        problem = f"there are {len(folds)} fold_lengths for {len(fields)} fields of length_key"
        raise UserError(problem, where=f"{where}.fold_lengths", hint="write one for each field")
    least, most = read_limits(batches, BATCH_SIZE)
    pairs = zip(fields, folds, strict=True)
    folded = np.max([one.steps // fold for one, fold in pairs], axis=0)
    sizes = np.maximum(most // (1 + folded), least)
    order = np.argsort(lengths.steps, kind="stable").astype(np.int64)
    parts = [order] if names is None else _split_by_name(order, names)
    counts = [_count_items(sizes[part], least, drop_last=batches["drop_last"]) for part in parts]
    kept = [part[: count.sum()] for part, count in zip(parts, counts, strict=True)]
    ends = np.cumsum(np.concatenate(counts)).astype(np.int64)
    return BatchPlan(np.concatenate(kept), ends, by_item=False)


def _split_by_name(order: Ints, names: Names) -> list[Ints]:
    """Return the items of each category, in the order of all."""
    _, category, counts = np.unique(names, return_inverse=True, return_counts=True)
    by_category = order[np.argsort(category[order], kind="stable")]
    return np.split(by_category, np.cumsum(counts)[:-1])


def _count_items(sizes: Ints, least: int, *, drop_last: bool) -> Ints:
    """Return how many items each batch has; too few at the end are added to those before.

    Args:
        sizes: ``(N,)`` items of a batch that begins with each item.
        least: Items that a batch has at least.
        drop_last: Whether items at the end that do not fill a batch are left out.
    """
    counts: list[int] = []
    start = 0
    while start < len(sizes):
        size = int(sizes[start])
        if drop_last and counts and start + size > len(sizes):
            break
        counts.append(min(size, len(sizes) - start))
        start += size
    if len(counts) > 1 and counts[-1] < least:
        for number in range(counts.pop()):
            counts[-1 - number % len(counts)] += 1
    return np.array(counts, dtype=np.int64)
