"""Batches that are balanced over the values of a field, as by ESPnet's balanced samplers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from logging import Logger
from typing import Any

import numpy as np
from numpy.typing import NDArray

from espnet3_runtime.data.batching import BatchPlan, Ints, batch_ends, no_batch_error
from espnet3_runtime.data.split_dataset import SplitDataset
from espnet3_runtime.errors import UserError, did_you_mean

Names = NDArray[np.str_]


@dataclass(frozen=True)
class CategoryPlan:
    """Batches whose items are drawn by category; a pass has as many items as there are.

    Attributes:
        members: ``(N,)`` item indices, category after category.
        sizes: ``(categories,)`` how many items each has.
        shares: ``(categories,)`` share of each of a batch; they sum to 1.
        ends: ``(batches,)`` where each batch ends.
    """

    members: Ints
    sizes: Ints
    shares: NDArray[np.float64]
    ends: Ints

    def __len__(self) -> int:
        return len(self.ends)

    def draw(self, seed: Sequence[int] | None) -> tuple[BatchPlan, Ints]:
        """Return the batches of a pass.

        Each holds so many items of a category as its share says, rounded up or down by chance.
        An item comes again once all of its category have come.
        """
        rng = np.random.default_rng(seed or 0)
        starts = np.concatenate([[0], self.ends[:-1]])
        pairs = zip(starts, self.ends, strict=True)
        drawn = np.concatenate([self._draw_categories(int(b - a), rng) for a, b in pairs])
        order = np.empty(len(drawn), dtype=np.int64)
        counts = np.bincount(drawn, minlength=len(self.sizes))
        parts = np.split(self.members, np.cumsum(self.sizes)[:-1])
        items = [_repeat_shuffled(*pair, rng) for pair in zip(parts, counts, strict=True)]
        order[np.argsort(drawn, kind="stable")] = np.concatenate(items)
        return BatchPlan(order, self.ends, by_item=False), np.arange(len(self))

    def _draw_categories(self, count: int, rng: np.random.Generator) -> Ints:
        """Return the categories of ``count`` items: systematic sampling in a random order."""
        mixed = rng.permutation(len(self.shares))
        edges = np.cumsum(self.shares[mixed])
        points = (np.arange(count) + rng.random()) / count
        found = np.searchsorted(edges / edges[-1], points, side="right")
        return np.asarray(mixed[found.clip(max=len(mixed) - 1)], dtype=np.int64)


def _repeat_shuffled(items: Ints, count: int, rng: np.random.Generator) -> Ints:
    """Return ``count`` of some items, every one again only when all have come."""
    rounds = np.tile(items, (-(-count // len(items)), 1))
    return rng.permuted(rounds, axis=1).ravel()[:count]


def plan_categories(batches: Mapping[str, Any], names: Names) -> CategoryPlan:
    """Plan balanced batches.

    Args:
        batches: The ``batches`` block, with ``type: category``.  A category of ``n`` items has a
            share of ``n ** category_power``: 0 makes them equal, 1 leaves them as they are.
        names: ``(N,)`` the category of every item.

    Raises:
        UserError: No batch is left.
    """
    _, category, sizes = np.unique(names, return_inverse=True, return_counts=True)
    ends = batch_ends(batches, len(names))
    if len(ends) == 0:
        raise no_batch_error(batches, len(names))
    weights = sizes.astype(np.float64) ** batches["category_power"]
    members = np.argsort(category, kind="stable").astype(np.int64)
    return CategoryPlan(members, sizes, weights / weights.sum(), ends)


def find_categories(dataset: SplitDataset, batches: Mapping[str, Any], log: Logger) -> Names:
    """Return the value of ``category_key`` of every item of a split, as text.

    The data set says it itself by ``categories()`` (an array of one value an item, or a mapping
    from field to such an array) or ``column(name)``; otherwise all of its items are read.

    Args:
        dataset: The split.
        batches: The ``batches`` block.
        log: Is told that all items are read.

    Raises:
        UserError: There is no key, no such field, another number of values than items, or a value
            that is neither a text nor a number.
    """
    key, where = batches["category_key"], getattr(batches, "where", "")
    if key is None:
        raise UserError('type "category" needs "category_key"', where=where)
    parts, start = [], 0
    for entry, member, size in zip(dataset.entries, dataset.members, dataset.sizes, strict=True):
        found = _from_member(member, key)
        if found is None:
            log.info('the items of %s are read for their "%s"', entry.where, key)
            found = [_from_item(dataset, start + n, key, where) for n in range(int(size))]
        if len(found) != size:
            problem = f'the data set has {size} items and {len(found)} values of "{key}"'
            raise UserError(problem, where=entry.where)
        names = [_as_name(value, key, f"{entry.where}, item {n}") for n, value in enumerate(found)]
        parts.append(np.array(names))
        start += int(size)
    return np.concatenate(parts)


def _as_name(value: Any, key: str, where: str) -> str:
    """Return a category as text: the same for the number in an array and for a plain one."""
    scalar = value.item() if getattr(value, "ndim", None) == 0 else value
    name = " ".join(str(scalar).split())
    if not isinstance(scalar, str | int | float) or name in ("", "nan"):
        shown = type(value).__name__ if name and scalar is not None else repr(scalar)
        problem = f'"{key}" is {shown}, and a category is a text or a number'
        raise UserError(problem, where=where)
    return name


def _from_member(member: object, key: str) -> Sequence[Any] | None:
    found = getattr(member, "categories", None)
    found = found() if callable(found) else found
    if isinstance(found, Mapping):
        found = found.get(key)
    column = getattr(member, "column", None)
    try:
        found = column(key) if found is None and callable(column) else found
        return None if found is None else list(found)
    except (KeyError, UserError):  # it has other columns
        return None


def _from_item(dataset: SplitDataset, index: int, key: str, where: str) -> Any:
    utt_id, sample = dataset.raw_sample(index)
    if key not in sample:
        problem = f'{utt_id} has no field "{key}" to balance batches by'
        hint = did_you_mean(key, list(sample))
        raise UserError(problem, where=f"{where}.category_key", hint=hint)
    return sample[key]
