"""The samplers of a recipe: of items or of batches, spread over the ranks."""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch.utils.data import BatchSampler, DistributedSampler

from espnet3_runtime.build.instantiate import instantiate, parameters_of
from espnet3_runtime.data.custom_loader import Counted, samplers_of
from espnet3_runtime.data.sampler import (
    Clock,
    read_generators,
    restore_generators,
    seed_generators,
)
from espnet3_runtime.errors import UserError


class SpreadBatches:
    """The share of one rank in the batches of a sampler that knows of no ranks.

    Training drops the batches that do not divide evenly, validation repeats some, as in
    :class:`~espnet3_runtime.data.sampler.EpochBatches`.

    Args:
        sampler: Gives all batches; every rank has to get the same ones in the same order.
        name: Its name in messages.
        clock: Seed and epoch of the global generators, while it gives them.
        keep_all: Whether some batches are repeated rather than others dropped.
        rank: Number of this process.
        world: How many processes there are.

    Attributes:
        distinct: How many batches of this rank are no repetitions.
    """

    def __init__(
        self, sampler: Any, name: str, clock: Clock, *, keep_all: bool, rank: int, world: int
    ) -> None:
        self.sampler, self.name, self.clock = sampler, name, clock
        self.rank, self.world = rank, world
        count = len(sampler)
        self._length = -(-count // world) if keep_all else max(count // world, 1)
        self.distinct = len(range(rank, min(count, self._length * world), world))

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[list[int]]:
        """Yield the batches of this rank."""
        before = read_generators()
        seed_generators(self.clock.seed, self.clock.epoch)  # that of an epoch differs by rank
        batches = [[int(index) for index in batch] for batch in self.sampler]
        restore_generators(before)
        if torch.distributed.is_initialized():
            found = [0] * self.world
            torch.distributed.all_gather_object(found, hash(tuple(map(tuple, batches))))
            if len(set(found)) > 1:
                raise UserError(
                    f"{self.name} gives every rank other items",
                    where="training.dataloader",
                    hint="give it the parameters rank and world and let it return that share, or "
                    "let it draw from the generators of torch, numpy or random",
                )
        for index in range(self.rank, self._length * self.world, self.world):
            yield batches[index % len(batches)]


def make_sampling(
    dataset: Any,
    block: Mapping[str, Any],
    generator: torch.Generator,
    clock: Clock,
    *,
    keep_all: bool,
    rank: int,
    world: int,
) -> dict[str, Any]:
    """Construct the ``sampler`` of a split, and return it as arguments of a ``DataLoader``.

    Args:
        dataset: The split, the first argument of the sampler.
        block: ``dataloader.train`` or ``dataloader.valid``.
        generator: Given to samplers of PyTorch that have none; seeded anew for each epoch.
        clock: Seed and epoch.
        keep_all: Whether no batch may be left out, as in validation.
        rank: Number of this process; given to a sampler with a parameter ``rank``.
        world: How many processes there are (``world`` or ``num_replicas``).

    Raises:
        UserError: It gives nothing, or does not say how much it gives.
    """
    node = block["sampler"]
    where, batches = getattr(node, "where", ""), block["batches"]
    offered = {"rank": rank, "world": world, "num_replicas": world}
    wanted = parameters_of(node, where) - set(node)
    given = {name: value for name, value in offered.items() if name in wanted}
    sampler: Any = instantiate(node, dataset, where=where, **given)
    name, inner = type(sampler).__name__, [sampler, *samplers_of(sampler)]
    for one in inner:
        if getattr(one, "generator", one) is None:
            one.generator = generator
    if not hasattr(sampler, "__len__"):
        problem = f"{name} has no __len__, by which an epoch knows its end"
        raise UserError(problem, where=where)
    if _gives_batches(sampler):
        sampler = Counted(sampler, "batches")
    else:
        items: Any = Counted(sampler, "items")
        sampler = BatchSampler(items, batches["batch_size"], batches["drop_last"])
    if len(sampler) == 0:
        raise UserError(f"{name} gives no batch", where=where)
    knows_rank = "rank" in {*given, *node} or any(isinstance(s, DistributedSampler) for s in inner)
    if world > 1 and not knows_rank:
        sampler = SpreadBatches(sampler, name, clock, keep_all=keep_all, rank=rank, world=world)
    return {"batch_sampler": sampler}


def _gives_batches(sampler: Any) -> bool:
    """Whether a sampler gives lists of items; the global generators are left as they were."""
    if isinstance(sampler, BatchSampler):
        return True
    before = read_generators()
    first = next(iter(sampler), None)
    restore_generators(before)
    return hasattr(first, "__len__") and getattr(first, "ndim", 1) > 0
