"""Errors of the recipe's data, brought from worker processes in one piece.

PyTorch turns an exception of a worker into a text with the worker's traceback.  A mistake that has
a clear message travels as a value instead, and is raised where the batch arrives.
"""

import multiprocessing
from collections.abc import Callable, Sequence
from typing import Any

from espnet3_runtime.errors import UserError


class ErrorCarryingDataset:
    """A data set that gives a :class:`UserError` instead of raising it (in worker processes)."""

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Any:
        """Return an item, or the mistake that reading it brought up."""
        try:
            return self.dataset[index]
        except UserError as error:
            return error

    def seed_items(self, seed_item: Callable[[int], None]) -> None:
        """Let a function run before every item is read."""
        self.dataset.before_item = seed_item


class ErrorCarryingCollate:
    """A collate function that gives a :class:`UserError` instead of raising it."""

    def __init__(self, collate: Callable[[Sequence[Any]], Any]) -> None:
        self.collate = collate

    def __call__(self, items: Sequence[Any]) -> Any:
        """Return the batch, or the first mistake."""
        for item in items:
            if isinstance(item, UserError):
                return item
        try:
            return self.collate(items)
        except UserError as error:
            return error


def loader_workers(wanted: int) -> int:
    """Return how many processes may read ahead here: none on a Dask worker.

    Such workers are daemons, which may not start processes; reading is spread over them already.
    """
    return 0 if multiprocessing.current_process().daemon else wanted


def wrap_for_workers(dataset: Any, collate: Callable[[Any], Any], workers: int) -> tuple[Any, Any]:
    """Return data set and collate function for a loader with so many worker processes.

    Args:
        dataset: Gives items by index.
        collate: Makes a batch of a list of items.
        workers: How many worker processes the loader has; with 0 nothing is wrapped.
    """
    if workers == 0:
        return dataset, collate
    return ErrorCarryingDataset(dataset), ErrorCarryingCollate(collate)


def unwrap_batch(batch: Any) -> Any:
    """Return a batch, or raise the mistake that came in its place."""
    if isinstance(batch, UserError):
        raise batch
    return batch
