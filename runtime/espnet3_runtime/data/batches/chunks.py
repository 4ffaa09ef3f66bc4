"""Batches of chunks: windows of one length, cut out of the items along the time."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from espnet3_runtime.data.batching import (
    Ints,
    Lengths,
    batch_ends,
    no_batch_error,
    no_lengths_error,
)
from espnet3_runtime.data.split_dataset import Sample, SplitDataset
from espnet3_runtime.errors import UserError, did_you_mean

Window = tuple[int, int]
"""An item and the step at which its window starts."""


@dataclass(frozen=True)
class ChunkBatches:
    """The windows of one pass through the data, batch after batch.

    Attributes:
        items: ``(windows,)`` item indices.
        starts: ``(windows,)`` where each window starts, in steps of its item.
        ends: ``(batches,)`` where each batch ends.
    """

    items: Ints
    starts: Ints
    ends: Ints

    def batch(self, index: int) -> list[Any]:
        """Return the windows of one batch, pairs of item and start."""
        part = slice(self.ends[index - 1] if index else 0, self.ends[index])
        return list(zip(self.items[part].tolist(), self.starts[part].tolist(), strict=True))


@dataclass(frozen=True)
class ChunkPlan:
    """Windows of all items; a pass shifts those of an item together, by what they leave over.

    Attributes:
        items: ``(windows,)`` item indices; those of an item stand together.
        shifts: ``(windows,)`` start of each window, in steps after the first of its item.
        spare: ``(N,)`` steps by which the windows of each item can be shifted.
        ends: ``(batches,)`` where each batch ends.
    """

    items: Ints
    shifts: Ints
    spare: Ints
    ends: Ints

    def __len__(self) -> int:
        return len(self.ends)

    def draw(self, seed: Sequence[int] | None) -> tuple[ChunkBatches, Ints]:
        """Return the windows of a pass; without a seed they start at the first step."""
        order = np.arange(len(self))
        if seed is None:
            return ChunkBatches(self.items, self.shifts, self.ends), order
        rng = np.random.default_rng(seed)
        starts = self.shifts + rng.integers(0, self.spare + 1)[self.items]
        mixed = rng.permutation(len(self.items))
        return ChunkBatches(self.items[mixed], starts[mixed], self.ends), order


def plan_chunks(batches: Mapping[str, Any], lengths: Lengths | None) -> ChunkPlan:
    """Plan batches of windows.

    An item of ``L`` steps gives ``(L - W) // S + 1`` windows of ``W = chunk_length`` steps, one
    every ``S = W * chunk_shift_ratio``, as in ESPnet2.

    Args:
        batches: The ``batches`` block, with ``type: chunk``.
        lengths: Lengths of the items.

    Raises:
        UserError: There are no lengths, or no item is long enough, or no batch is left.
    """
    where = getattr(batches, "where", "")
    if lengths is None:
        raise no_lengths_error(batches)
    size = batches["chunk_length"]
    if size is None:
        raise UserError('type "chunk" needs "chunk_length"', where=where)
    shift = max(int(size * batches["chunk_shift_ratio"]), 1)
    over = lengths.steps - size
    counts = np.where(over >= 0, over // shift + 1, batches["chunk_short_samples"] == "pad")
    items = np.repeat(np.arange(len(counts)), counts)
    if len(items) == 0:
        raise UserError(
            f"no item has the {size} steps of a chunk; the longest has {lengths.steps.max()}",
            where=f"{where}.chunk_length" if where else "",
            hint="make chunk_length smaller, or write chunk_short_samples: pad",
        )
    ends = batch_ends(batches, len(items))
    if len(ends) == 0:
        raise no_batch_error(batches, len(items))
    first = np.repeat(np.cumsum(counts) - counts, counts)
    shifts = (np.arange(len(items)) - first) * shift
    spare = np.where(over >= 0, over % shift, 0)
    return ChunkPlan(items.astype(np.int64), shifts.astype(np.int64), spare, ends)


class ChunkDataset:
    """Map-style data set of windows: it is asked for an item and a start.

    Args:
        dataset: The split.
        length_key: The field along whose time windows are cut.
        chunk_length: Their length, in steps of that field.
        excluded: Fields that stay whole.
        where: The key path of ``batches``, for messages.
    """

    def __init__(
        self,
        dataset: SplitDataset,
        length_key: str,
        chunk_length: int,
        excluded: Sequence[str],
        where: str = "",
    ) -> None:
        self.dataset = dataset
        self.length_key = length_key
        self.chunk_length = chunk_length
        self.excluded = frozenset(excluded)
        self.where = where
        self.before_item: Callable[[Any], None] | None = None

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, window: Window) -> tuple[str, Sample]:
        """Return the id of an item and its window: arrays ``(chunk_length, ...)``, numbers, texts.

        A random transform can make an item shorter than it was measured; its window then ends
        where the item ends.
        """
        if self.before_item is not None:
            self.before_item(window)
        index, start = window
        utt_id, sample = self.dataset[index]
        return utt_id, self.cut(utt_id, sample, start)

    def cut(self, utt_id: str, sample: Sample, start: int) -> Sample:
        """Return a window of a sample.

        Args:
            utt_id: Its id, for messages.
            sample: By field; those that share the time of ``length_key`` have its length.
            start: Where the window starts, in steps.

        Raises:
            UserError: A field has another length, and is not excluded.
        """
        if self.length_key not in sample:
            problem = f'{utt_id} has no field "{self.length_key}" to cut chunks along'
            hint = did_you_mean(self.length_key, list(sample))
            raise UserError(problem, where=f"{self.where}.length_key", hint=hint)
        length = len(sample[self.length_key])
        start = max(min(start, length - self.chunk_length), 0)
        return {
            field: value[start : start + self.chunk_length]
            if self._is_cut(utt_id, field, value, length)
            else value
            for field, value in sample.items()
        }

    def _is_cut(self, utt_id: str, field: str, value: Any, length: int) -> bool:
        if field in self.excluded or isinstance(value, (str, bytes)) or not np.ndim(value):
            return False
        if len(value) != length:
            raise UserError(
                f'"{field}" of {utt_id} has {len(value)} steps and "{self.length_key}" has '
                f"{length}; chunks are cut out of both at the same place",
                where=f"{self.where}.chunk_excluded_keys",
                hint=f"if it has no time in common, write chunk_excluded_keys: [{field}]",
            )
        return True


def make_chunk_dataset(dataset: SplitDataset, batches: Mapping[str, Any]) -> ChunkDataset:
    """Return the windows of a split for a ``batches`` block with ``type: chunk``."""
    key = batches["length_key"]
    return ChunkDataset(
        dataset,
        key if isinstance(key, str) else key[0],
        batches["chunk_length"],
        batches["chunk_excluded_keys"],
        getattr(batches, "where", ""),
    )
