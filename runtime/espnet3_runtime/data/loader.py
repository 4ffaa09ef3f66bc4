"""PyTorch data loaders from the ``dataloader`` block."""

import gc
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from logging import Logger
from typing import Any, TypeVar

import torch
from torch.utils.data import DataLoader
from torch.utils.data._utils import MP_STATUS_CHECK_INTERVAL
from torch.utils.data.dataloader import _MultiProcessingDataLoaderIter

from espnet3_runtime.build.instantiate import instantiate
from espnet3_runtime.data.batches.categories import find_categories, plan_categories
from espnet3_runtime.data.batches.chunks import make_chunk_dataset, plan_chunks
from espnet3_runtime.data.batches.folded import plan_folded
from espnet3_runtime.data.batching import EpochPlan, Lengths, make_plan
from espnet3_runtime.data.custom_loader import CustomLoader, make_custom_loader, make_sampling
from espnet3_runtime.data.item_lengths import Shapes, find_all_lengths
from espnet3_runtime.data.sampler import Clock, EpochBatches, SeedItem, SeedWorker
from espnet3_runtime.data.split_dataset import SplitDataset
from espnet3_runtime.data.tokens import SpellingCollate, SpeltBatch
from espnet3_runtime.data.worker_errors import (
    NamingCollate,
    loader_workers,
    unwrap_batch,
    wrap_for_workers,
)
from espnet3_runtime.process.interrupts import BLOCKED

Item_co = TypeVar("Item_co", covariant=True)
_PATIENCE = 1.0  # seconds


class SignalSafeLoader(DataLoader[Item_co]):
    """A ``DataLoader`` that starts its processes with blocked stop signals.

    A terminal sends Ctrl-C to all processes of a job.  A process that starts just then would end
    with a traceback of Python's or PyTorch's own.  It inherits the blocked signals, and
    :func:`~espnet3_runtime.process.interrupts.survive_signals`, called by ``worker_init_fn``,
    handles them.  The parent gets its own signals, and news of a dead process, once all have
    started.

    Garbage collection in the processes skips the objects that they inherit: it would write into
    each, and so copy tens of megabytes.

    Without processes, ``timeout`` is ignored.  With them the owner looks every second whether they
    are alive: PyTorch's handler of SIGCHLD raises wherever the owner is just then, also where
    errors are swallowed, after which PyTorch would wait for ``timeout``.  What tokenizers count in
    the processes is counted here when their batches arrive.
    """

    def __iter__(self) -> Any:
        """Return the iterator of an epoch, with its processes started."""
        if self.num_workers == 0:
            self.timeout = 0
            return super().__iter__()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, BLOCKED)
        handler = signal.getsignal(signal.SIGCHLD)
        gc.freeze()  # the objects that forked processes inherit
        collate, self.collate_fn = self.collate_fn, SpellingCollate(self.collate_fn)
        try:
            return map(SpeltBatch.unpack, super().__iter__())
        finally:
            self.collate_fn = collate
            gc.unfreeze()
            if threading.current_thread() is threading.main_thread():
                signal.signal(signal.SIGCHLD, handler)
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _get_iterator(self) -> Any:
        if self.num_workers == 0:
            return super()._get_iterator()
        self.check_worker_number_rationality()
        return _WatchingIterator(self)


class _WatchingIterator(_MultiProcessingDataLoaderIter):
    """Looks at its processes while it waits for a batch."""

    def _try_get_data(self, timeout: float = MP_STATUS_CHECK_INTERVAL) -> tuple[bool, Any]:
        end = time.monotonic() + timeout
        while True:
            left = max(end - time.monotonic(), 0)
            done, data = super()._try_get_data(min(left, _PATIENCE))  # type: ignore[no-untyped-call]
            if done or left <= _PATIENCE:
                return done, data


Batches = SignalSafeLoader[Any] | CustomLoader


@dataclass(frozen=True)
class DataParallelRank:
    """The number of this process, and how many there are."""

    index: int = 0
    world: int = 1


def make_loader(
    dataset: SplitDataset,
    split: str,
    config: Mapping[str, Any],
    *,
    shapes: Shapes | None,
    clock: Clock,
    rank: DataParallelRank,
    log: Logger,
) -> Batches:
    """Construct the loader of ``train`` or ``valid``.

    Args:
        dataset: The split.
        split: ``train`` or ``valid``.
        config: The ``dataloader`` block.
        shapes: Lengths from collect_stats, when there are any.
        clock: Seed and epoch for shuffling and for the workers.
        rank: This process; every rank gets equally many batches.
        log: Gets the reason when batches cannot be sorted.
    """
    block = config[split]
    batches = block["batches"]
    own = block["loader"] is not None or block["sampler"] is not None
    cuts = batches["type"] == "chunk" and not own
    items = make_chunk_dataset(dataset, batches) if cuts else dataset
    data, collate = wrap_for_workers(items, make_collate(config), config["num_workers"])
    generator = torch.Generator().manual_seed(clock.seed)  # instead of the global one
    options = {
        "collate_fn": collate,
        "num_workers": config["num_workers"],
        "pin_memory": config["pin_memory"],
        "worker_init_fn": SeedWorker(clock) if config["num_workers"] else None,
        "generator": generator,
    }
    if block["loader"] is not None:
        ranks = {"rank": rank.index, "world": rank.world}
        offered, timeout = {**options, **ranks}, config["timeout"]
        return make_custom_loader(block["loader"], data, offered, clock, timeout)
    options["timeout"] = config["timeout"]
    if block["sampler"] is not None:
        sampling = make_sampling(
            *(dataset, block, generator, clock),
            keep_all=split != "train",
            rank=rank.index,
            world=rank.world,
        )
        return CustomLoader(SignalSafeLoader(data, **options, **sampling), generator, clock)
    sampler = EpochBatches(
        plan_batches(dataset, batches, split, shapes, log),
        clock,
        shuffle=batches["shuffle"],
        keep_all=split != "train",
        rank=rank.index,
        world=rank.world,
        iterations=block.get("num_iters_per_epoch"),
    )
    return SignalSafeLoader(data, **options, batch_sampler=sampler)


def plan_batches(
    dataset: SplitDataset,
    batches: Mapping[str, Any],
    split: str,
    shapes: Shapes | None,
    log: Logger,
) -> EpochPlan:
    """Plan the batches of a split.

    Args:
        dataset: The split.
        batches: Its ``batches`` block.
        split: ``train`` or ``valid``.
        shapes: Lengths from collect_stats, when there are any.
        log: Gets the reason when batches cannot be sorted.

    Raises:
        UserError: The block needs what the data do not say, or leaves no batch.
    """
    lengths = None
    if batches["type"] == "sorted" or needs_lengths(batches):
        lengths, reason = find_all_lengths(dataset, batches["length_key"], shapes)
        if lengths is None and batches["type"] == "sorted":
            log.info("the batches of %s are not sorted by length: %s", split, reason)
    return plan_by_lengths(dataset, batches, lengths, log)


def needs_lengths(batches: Mapping[str, Any]) -> bool:
    """Return whether the batches of a ``batches`` block cannot be made without lengths."""
    kind = batches["type"]
    filled = kind == "category" and batches["batch_bins"] is not None
    return kind in ("numel", "length", "folded", "chunk") or filled


def needs_categories(batches: Mapping[str, Any]) -> bool:
    """Return whether the batches of a ``batches`` block need the category of every item."""
    kind = batches["type"]
    return kind == "category" or (kind == "folded" and batches["category_key"] is not None)


def plan_by_lengths(
    dataset: SplitDataset, batches: Mapping[str, Any], lengths: Lengths | None, log: Logger
) -> EpochPlan:
    """Plan the batches of a split of which the lengths are known, where they are needed.

    Args:
        dataset: The split.
        batches: Its ``batches`` block.
        lengths: Lengths of its items.
        log: Is told that all items are read.

    Raises:
        UserError: The block needs what the data do not say, or leaves no batch.
    """
    kind = batches["type"]
    names = find_categories(dataset, batches, log) if needs_categories(batches) else None
    if kind == "category" and names is not None:
        return plan_categories(batches, names, dataset.sizes, lengths)
    if kind == "folded":
        return plan_folded(batches, lengths, names)
    if kind == "chunk":
        return plan_chunks(batches, lengths)
    return make_plan(batches, len(dataset), lengths)


def make_collate(config: Mapping[str, Any]) -> Callable[[Any], Any]:
    """Construct the collate function of a ``dataloader`` block."""
    return NamingCollate(instantiate(config["collate_fn"]))


def load_in_order(
    dataset: SplitDataset,
    items: Sequence[int],
    batch_size: int,
    config: Mapping[str, Any],
    seed: int,
    collate: Callable[[Any], Any] | None = None,
) -> Iterator[Any]:
    """Return the batches of items in their order, each item once, for work that is no training.

    Args:
        dataset: The split.
        items: Indices of its items.
        batch_size: Items of a batch.
        config: The ``dataloader`` block.
        seed: Of random transforms and preprocessors.
        collate: Makes a batch of samples; the ``collate_fn`` of the block unless given.
    """
    workers = loader_workers(config["num_workers"])
    if workers == 0:
        dataset.before_item = SeedItem(seed, 0)
    wrapped, collate = wrap_for_workers(dataset, collate or make_collate(config), workers)
    loader = SignalSafeLoader(
        wrapped,
        batch_sampler=[
            list(items[at : at + batch_size]) for at in range(0, len(items), batch_size)
        ],
        collate_fn=collate,
        num_workers=workers,
        timeout=config["timeout"],
        worker_init_fn=SeedWorker(Clock(seed)),
        generator=torch.Generator().manual_seed(seed),
    )
    return map(unwrap_batch, loader)
