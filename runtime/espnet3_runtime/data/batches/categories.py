"""Batches that are balanced over the values of a field, as by ESPnet's balanced samplers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from logging import Logger
from typing import Any

import numpy as np
from numpy.typing import NDArray

from espnet3_runtime.data.batching import (
    BatchPlan,
    Ints,
    Lengths,
    batch_ends,
    fill_batches,
    no_batch_error,
    no_lengths_error,
)
from espnet3_runtime.data.split_dataset import SplitDataset
from espnet3_runtime.errors import UserError, did_you_mean

Names = NDArray[np.str_]


@dataclass(frozen=True)
class _Groups:
    """The items of each category, and how often they are drawn.

    Attributes:
        members: ``(N,)`` item indices, category after category.
        sizes: ``(categories,)`` how many items each has.
        shares: ``(categories,)`` the share of each of what is drawn; they sum to 1.
    """

    members: Ints
    sizes: Ints
    shares: NDArray[np.float64]

    def take_items(self, drawn: Ints, rng: np.random.Generator) -> Ints:
        """Return an item of each drawn category; one comes again once all of its have come."""
        order = np.empty(len(drawn), dtype=np.int64)
        counts = np.bincount(drawn, minlength=len(self.sizes))
        parts = np.split(self.members, np.cumsum(self.sizes)[:-1])
        items = [_repeat_shuffled(*pair, rng) for pair in zip(parts, counts, strict=True)]
        order[np.argsort(drawn, kind="stable")] = np.concatenate(items)
        return order


@dataclass(frozen=True)
class CategoryPlan:
    """Batches of so many items, drawn by category.

    Attributes:
        groups: The items by category.
        ends: ``(batches,)`` where each batch ends.
    """

    groups: _Groups
    ends: Ints

    def __len__(self) -> int:
        return len(self.ends)

    def draw(self, seed: Sequence[int] | None) -> tuple[BatchPlan, Ints]:
        """Return the batches of a pass.

        Each holds so many items of a category as its share says, rounded up or down by chance.
        """
        rng = np.random.default_rng(seed or 0)
        starts = np.concatenate([[0], self.ends[:-1]])
        pairs = zip(starts, self.ends, strict=True)
        drawn = np.concatenate([self._draw_categories(int(b - a), rng) for a, b in pairs])
        order = self.groups.take_items(drawn, rng)
        return BatchPlan(order, self.ends, by_item=False), np.arange(len(self))

    def _draw_categories(self, count: int, rng: np.random.Generator) -> Ints:
        """Return the categories of ``count`` items: systematic sampling in a random order."""
        mixed = rng.permutation(len(self.groups.shares))
        edges = np.cumsum(self.groups.shares[mixed])
        points = (np.arange(count) + rng.random()) / count
        found = np.searchsorted(edges / edges[-1], points, side="right")
        return np.asarray(mixed[found.clip(max=len(mixed) - 1)], dtype=np.int64)


class FilledCategoryPlan:
    """Batches that are filled up to ``batch_bins``, without padding, with items drawn by category.

    How many batches that makes differs from pass to pass; each has as many as a trial one, and
    draws as many items as they take.

    Args:
        groups: The items by category.
        batches: The ``batches`` block.
        steps: ``(fields, N)`` lengths of the items.
        count: About how many items a pass has.
    """

    def __init__(
        self, groups: _Groups, batches: Mapping[str, Any], steps: Ints, count: int
    ) -> None:
        self.groups = groups
        self.batches = batches
        self.steps = steps
        self.count = count
        self._length = len(self._draw_items(0, count)[1])

    def __len__(self) -> int:
        return self._length

    def draw(self, seed: Sequence[int] | None) -> tuple[BatchPlan, Ints]:
        """Return the batches of a pass, every item drawn by the shares of the categories."""
        count = self.count
        order, ends = self._draw_items(seed or 0, count)
        while len(ends) < len(self):  # longer items than those of the trial
            count += count // 8 + 1
            order, ends = self._draw_items(seed or 0, count)
        return BatchPlan(order, ends[: len(self)], by_item=False), np.arange(len(self))

    def _draw_items(self, seed: Sequence[int] | int, count: int) -> tuple[Ints, Ints]:
        rng = np.random.default_rng(seed)
        drawn = rng.choice(len(self.groups.shares), size=count, p=self.groups.shares)
        order = self.groups.take_items(drawn, rng)
        return order, fill_batches(self.batches, self.steps[:, order], padded=False)


def _repeat_shuffled(items: Ints, count: int, rng: np.random.Generator) -> Ints:
    """Return ``count`` of some items, every one again only when all have come."""
    rounds = np.tile(items, (-(-count // len(items)), 1))
    return rng.permuted(rounds, axis=1).ravel()[:count]


def plan_categories(
    batches: Mapping[str, Any], names: Names, sizes: Ints, lengths: Lengths | None = None
) -> CategoryPlan | FilledCategoryPlan:
    """Plan balanced batches, of ``batch_size`` items or filled up to ``batch_bins``.

    Args:
        batches: The ``batches`` block, with ``type: category``.
        names: ``(N,)`` the category of every item.
        sizes: ``(entries,)`` how many items each data set of the split has.
        lengths: Lengths of the items; needed with ``batch_bins``.

    Raises:
        UserError: There are no lengths, or no batch is left.
    """
    count = int(len(names) * batches["epoch_factor"])
    if batches["batch_bins"] is None:
        ends = batch_ends(batches, count)
        amounts = np.ones(len(names), dtype=np.int64)
        plan: CategoryPlan | FilledCategoryPlan
        plan = CategoryPlan(_make_groups(batches, names, sizes, amounts), ends)
    elif lengths is None:
        raise no_lengths_error(batches)
    else:
        steps = np.stack([one.steps for one in (lengths, *lengths.others)])
        groups = _make_groups(batches, names, sizes, steps.sum(axis=0))
        plan = FilledCategoryPlan(groups, batches, steps, count)
    if len(plan) == 0:
        raise no_batch_error(batches, len(names))
    return plan


def _make_groups(batches: Mapping[str, Any], names: Names, sizes: Ints, amounts: Ints) -> _Groups:
    """Return the items by category, and their shares.

    A category that amounts to ``n`` has a share of ``n ** category_power``: 0 makes them equal, 1
    leaves them as they are.  With ``dataset_power`` that is a share of its data set, and those of
    the data sets are formed alike.

    Args:
        batches: The ``batches`` block.
        names: ``(N,)`` the category of every item.
        sizes: ``(entries,)`` how many items each data set has.
        amounts: ``(N,)`` what each item counts: 1, or its length.
    """
    _, category = np.unique(names, return_inverse=True)
    power = batches["dataset_power"]
    entry = np.repeat(np.arange(len(sizes)), sizes if power is not None else 0)
    entry = entry if power is not None else np.zeros(len(names), dtype=np.int64)
    pairs = entry * (category.max() + 1) + category
    _, first, group, counts = np.unique(
        pairs, return_index=True, return_inverse=True, return_counts=True
    )
    weights = np.bincount(group, amounts) ** batches["category_power"]
    shares = weights / np.bincount(entry[first], weights)[entry[first]]
    if power is not None:
        shares = shares * (np.bincount(entry, amounts) ** power)[entry[first]]
    members = np.argsort(group, kind="stable").astype(np.int64)
    return _Groups(members, counts, shares / shares.sum())


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
        raise UserError(f'type "{batches["type"]}" needs "category_key"', where=where)
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
