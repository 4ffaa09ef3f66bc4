"""Sends a :class:`UserError` from a worker process as a value, to raise it where the batch arrives.

PyTorch would turn it into a text with the worker's traceback.
"""

import multiprocessing
from collections.abc import Callable, Sequence
from typing import Any

from espnet3_runtime.errors import UserError, no_early_end


class ErrorCarryingDataset:
    """A data set that returns a :class:`UserError` instead of raising it."""

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Any:
        """Return an item, or the error from reading it."""
        try:
            return self.dataset[index]
        except UserError as error:
            return error

    def seed_items(self, seed_item: Callable[[int], None]) -> None:
        """Call a function before every item is read."""
        self.dataset.before_item = seed_item


class NamingCollate:
    """A collate function whose ``StopIteration`` is an error that names the first item."""

    def __init__(self, collate: Callable[[Sequence[Any]], Any]) -> None:
        self.collate = collate

    def __call__(self, items: Sequence[Any]) -> Any:
        """Return the batch."""
        first = items[0][0] if items and isinstance(items[0], tuple) else "its items"
        with no_early_end(f"the collate function of the batch from {first}"):
            return self.collate(items)


class ErrorCarryingCollate:
    """A collate function that returns a :class:`UserError` instead of raising it."""

    def __init__(self, collate: Callable[[Sequence[Any]], Any]) -> None:
        self.collate = collate

    def __call__(self, items: Sequence[Any]) -> Any:
        """Return the batch, or the first error."""
        errors = (item for item in items if isinstance(item, UserError))
        try:
            return next(errors, None) or self.collate(items)
        except UserError as error:
            return error


def loader_workers(wanted: int) -> int:
    """Return how many processes may read ahead here: none on a Dask worker, which is a daemon."""
    return 0 if multiprocessing.current_process().daemon else wanted


def wrap_for_workers(dataset: Any, collate: Callable[[Any], Any], workers: int) -> tuple[Any, Any]:
    """Return data set and collate function for a loader.

    Args:
        dataset: Returns items by index.
        collate: Makes a batch of a list of items.
        workers: Number of worker processes; with 0 nothing is wrapped.
    """
    if workers == 0:
        return dataset, collate
    return ErrorCarryingDataset(dataset), ErrorCarryingCollate(collate)


def unwrap_batch(batch: Any) -> Any:
    """Return a batch, or raise the error that came instead of it."""
    if isinstance(batch, UserError):
        raise batch
    return batch
