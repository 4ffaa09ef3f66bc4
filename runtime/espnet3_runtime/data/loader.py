"""PyTorch data loaders from the ``dataloader`` block."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from logging import Logger
from typing import Any

import torch
from torch.utils.data import BatchSampler

from espnet3_runtime.data.batching import make_plan
from espnet3_runtime.data.carry import carried
from espnet3_runtime.data.lengths import Shapes, find_lengths
from espnet3_runtime.data.own import OwnLoader, call_loader, draw_from
from espnet3_runtime.data.patient import PatientLoader
from espnet3_runtime.data.sampler import Clock, EpochBatches, SeedWorker
from espnet3_runtime.data.split import SplitDataset
from espnet3_runtime.instantiate import instantiate

Batches = PatientLoader[Any] | OwnLoader


@dataclass(frozen=True)
class Rank:
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
    rank: Rank,
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
    data, collate = carried(dataset, make_collate(config), config["num_workers"])
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
        return call_loader(block["loader"], data, {**options, **ranks}, clock)
    if block["sampler"] is not None:
        sampling = _own_sampling(dataset, block, generator)
        return OwnLoader(PatientLoader(data, **options, **sampling), generator, clock)
    sampling = _sampling(dataset, split, block["batches"], shapes, clock, rank, log)
    return PatientLoader(data, **options, **sampling)


def make_collate(config: Mapping[str, Any]) -> Callable[[Any], Any]:
    """Construct the collate function of a ``dataloader`` block."""
    return instantiate(config["collate_fn"])  # type: ignore[no-any-return]


def _own_sampling(
    dataset: SplitDataset, block: Mapping[str, Any], generator: torch.Generator
) -> dict[str, Any]:
    sampler = draw_from(instantiate(block["sampler"], dataset), generator)
    if isinstance(sampler, BatchSampler):
        draw_from(sampler.sampler, generator)
        return {"batch_sampler": sampler}
    batches = block["batches"]
    size = batches["batch_size"]
    return {"sampler": sampler, "batch_size": size, "drop_last": batches["drop_last"]}


def _sampling(
    dataset: SplitDataset,
    split: str,
    batches: Mapping[str, Any],
    shapes: Shapes | None,
    clock: Clock,
    rank: Rank,
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
