"""Data sets of shards: every rank reads one of them in an epoch, by the number of its items."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from logging import Logger
from typing import Any

import torch.distributed

from espnet3_runtime.data.dataset_entries import is_sharded
from espnet3_runtime.data.loader import Batches, DataParallelRank, make_loader
from espnet3_runtime.data.sampler import Clock
from espnet3_runtime.data.split_dataset import SplitParts, index_parts
from espnet3_runtime.errors import UserError


class ShardLoader:
    """The batches of a rank: in each epoch those of another shard, as in ESPnet3.

    All ranks have as many batches as the one with the fewest.

    Args:
        make: From the number of a shard, and its clock, to the loader of its batches.
        total: How many shards there are.
        clock: Seed, epoch, and how many batches are done.
        rank: This process.
    """

    def __init__(
        self,
        make: Callable[[int, Clock], Batches],
        total: int,
        clock: Clock,
        rank: DataParallelRank,
    ) -> None:
        self.make = make
        self.total = total
        self.clock = clock
        self.rank = rank

    def __len__(self) -> int:
        raise TypeError("how many batches an epoch has is not known before its shards are read")

    def __iter__(self) -> Iterator[Any]:
        """Yield the batches of the clock's epoch that are left."""
        seed, epoch = self.clock.order_seed
        number = (epoch * self.rank.world + self.rank.index) % self.total
        # Items of two shards have the same numbers, by which workers seed them.
        loader = self.make(number, replace(self.clock, seed=seed * self.total + number))
        skip, self.clock.skip = self.clock.skip, 0
        alone = self.rank.world == 1
        most = None if alone else max(_fewest_batches(loader, self.rank.world) - skip, 0)
        yield from islice(loader, most)


def _fewest_batches(loader: Batches, world: int) -> int:
    """Return how many batches the rank has that has the fewest."""
    found = [0] * world
    torch.distributed.all_gather_object(found, len(loader))
    return min(found)


def make_shard_loader(
    parts: SplitParts,
    config: Mapping[str, Any],
    *,
    clock: Clock,
    rank: DataParallelRank,
    log: Logger,
) -> ShardLoader:
    """Construct the loader of ``train`` over data sets of shards.

    Args:
        parts: The data sets of the split, all with ``total_shards`` and ``shard(number)``.
        config: The ``dataloader`` block.
        clock: Seed and epoch; the epoch chooses the shard.
        rank: This process.
        log: Gets the reason when batches cannot be sorted.

    Raises:
        UserError: There are fewer shards than ranks, or data sets with other numbers of them; or a
            setting of the loader is for data of a known length.
    """
    total = _count_shards(parts, rank.world)
    block = config["train"]
    if block.get("num_iters_per_epoch") is not None:
        raise UserError(
            f"{parts.entries[0].where} gives each epoch a shard of its own",
            where=f"{getattr(block, 'where', '')}.num_iters_per_epoch",
            hint="write trainer.limit_train_batches, or make total_shards larger or smaller",
        )

    def make(number: int, clock: Clock) -> Batches:
        members = tuple(member.shard(number) for member in parts.members)
        log.info("shard %d of %d", number + 1, total)
        dataset = index_parts(replace(parts, members=members))
        alone = DataParallelRank()
        return make_loader(dataset, "train", config, shapes=None, clock=clock, rank=alone, log=log)

    return ShardLoader(make, total, clock, rank)


def _count_shards(parts: SplitParts, world: int) -> int:
    first = parts.entries[0]
    totals = []
    for entry, member in zip(parts.entries, parts.members, strict=True):
        if not is_sharded(member):
            problem = f"the data set has no shards, and that of another entry ({first.where}) has"
            hint = "give its Dataset total_shards and shard(), or that of none"
            raise UserError(problem, where=entry.where, hint=hint)
        totals.append(member.total_shards)
        if isinstance(totals[-1], bool) or not isinstance(totals[-1], int) or totals[-1] < 1:
            problem = f"total_shards is {totals[-1]!r}, not how many shards there are"
            raise UserError(problem, where=entry.where)
        if totals[-1] != totals[0]:
            problem = f"the data set has {totals[-1]} shards, and {first.where} has {totals[0]}"
            hint = "an epoch takes one shard of each: make them equally many"
            raise UserError(problem, where=entry.where, hint=hint)
    if totals[0] < world:
        problem = f"the data set has {totals[0]} shards for {world} ranks"
        raise UserError(problem, where=first.where, hint="a rank reads a shard of its own")
    return int(totals[0])
