"""PyTorch data loaders from the ``dataloader`` block."""

import gc
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from logging import Logger
from typing import Any, TypeVar

import torch
from torch.utils.data import BatchSampler, DataLoader

from espnet3_runtime.build.instantiate import instantiate
from espnet3_runtime.data.batching import make_plan
from espnet3_runtime.data.custom_loader import CustomLoader, make_custom_loader, seed_sampler
from espnet3_runtime.data.item_lengths import Shapes, find_lengths
from espnet3_runtime.data.sampler import Clock, EpochBatches, SeedWorker
from espnet3_runtime.data.split_dataset import SplitDataset
from espnet3_runtime.data.worker_errors import wrap_for_workers
from espnet3_runtime.process.interrupts import BLOCKED

Item_co = TypeVar("Item_co", covariant=True)


class SignalSafeLoader(DataLoader[Item_co]):
    """A ``DataLoader`` that starts its processes with the signals that stop a run held back.

    A terminal sends Ctrl-C to all processes of a job.  A process that starts just then would end
    with a traceback of Python's or PyTorch's own.  It inherits that the signals are held back, and
    :func:`~espnet3_runtime.process.interrupts.survive_signals`, with which ``worker_init_fn``
    begins, lets them in. The owner gets its own as soon as all processes are started; so it does
    the news of the death of one, which raised in the middle of the start of a thread would print
    another traceback.

    The processes also leave alone what is there when they start: a collection of garbage writes
    into every object that it looks at, which would part tens of megabytes from those of the owner.
    """

    def __iter__(self) -> Any:
        """Return the iterator of an epoch; its processes are started by then."""
        if self.num_workers == 0:
            return super().__iter__()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, BLOCKED)
        gc.freeze()  # what forked processes inherit
        try:
            return super().__iter__()
        finally:
            gc.unfreeze()
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


Batches = SignalSafeLoader[Any] | CustomLoader


@dataclass(frozen=True)
class DataParallelRank:
    """Which of how many processes this is."""

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
        log: Told when batches cannot be sorted.
    """
    block = config[split]
    data, collate = wrap_for_workers(dataset, make_collate(config), config["num_workers"])
    generator = torch.Generator().manual_seed(clock.seed)  # leaves the global one alone
    options = {
        "collate_fn": collate,
        "num_workers": config["num_workers"],
        "pin_memory": config["pin_memory"],
        "worker_init_fn": SeedWorker(clock) if config["num_workers"] else None,
        "generator": generator,
    }
    if block["loader"] is not None:
        ranks = {"rank": rank.index, "world": rank.world}
        return make_custom_loader(block["loader"], data, {**options, **ranks}, clock)
    if block["sampler"] is not None:
        sampling = _custom_sampling(dataset, block, generator)
        return CustomLoader(SignalSafeLoader(data, **options, **sampling), generator, clock)
    sampling = _sampling_arguments(dataset, split, block["batches"], shapes, clock, rank, log)
    return SignalSafeLoader(data, **options, **sampling)


def make_collate(config: Mapping[str, Any]) -> Callable[[Any], Any]:
    """Construct the collate function of a ``dataloader`` block."""
    return instantiate(config["collate_fn"])  # type: ignore[no-any-return]


def _custom_sampling(
    dataset: SplitDataset, block: Mapping[str, Any], generator: torch.Generator
) -> dict[str, Any]:
    sampler = seed_sampler(instantiate(block["sampler"], dataset), generator)
    if isinstance(sampler, BatchSampler):
        seed_sampler(sampler.sampler, generator)
        return {"batch_sampler": sampler}
    batches = block["batches"]
    size = batches["batch_size"]
    return {"sampler": sampler, "batch_size": size, "drop_last": batches["drop_last"]}


def _sampling_arguments(
    dataset: SplitDataset,
    split: str,
    batches: Mapping[str, Any],
    shapes: Shapes | None,
    clock: Clock,
    rank: DataParallelRank,
    log: Logger,
) -> dict[str, Any]:
    lengths = None
    if batches["type"] != "unsorted":
        lengths, reason = find_lengths(dataset, batches["length_key"], shapes)
        if lengths is None and batches["type"] == "sorted":
            log.info("the batches of %s are not sorted by length: %s", split, reason)
    plan = make_plan(batches, len(dataset), lengths)
    train = split == "train"
    sampler = EpochBatches(
        plan,
        clock,
        shuffle=batches["shuffle"],
        keep_all=not train,
        rank=rank.index,
        world=rank.world,
    )
    return {"batch_sampler": sampler}
