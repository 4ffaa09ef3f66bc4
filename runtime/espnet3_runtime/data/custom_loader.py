"""The loaders and samplers of a recipe: seeded for each epoch, counted, and spread over ranks."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch.utils.data import BatchSampler, DataLoader, DistributedSampler

from espnet3_runtime.build.instantiate import instantiate, locate_target, parameters_of
from espnet3_runtime.data.batching import BATCH_SIZE
from espnet3_runtime.data.sampler import (
    Clock,
    read_generators,
    restore_generators,
    seed_generators,
)
from espnet3_runtime.errors import UserError
from espnet3_schemas import TARGET

_SAMPLING = ("sampler", "batch_sampler")


class CustomLoader:
    """An iterable of batches that is seeded for each epoch, so that a resumed one is the same.

    Batches that are done already are read and dropped.  More or fewer batches than its ``__len__``
    says, if it has one, are an error.

    Args:
        loader: An iterable of batches; iterated once an epoch.
        generator: The source of its order, if it takes one.
        clock: Seed, epoch, and how many batches are done.
    """

    def __init__(self, loader: Iterable[Any], generator: torch.Generator, clock: Clock) -> None:
        self.loader = loader
        self.generator = generator
        self.clock = clock

    def __len__(self) -> int:
        return len(self.loader)  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[Any]:
        """Yield the batches of the clock's epoch that are left."""
        words = np.random.SeedSequence(self.clock.order_seed).generate_state(1)
        self.generator.manual_seed(int(words[0]))
        for sampler in samplers_of(self.loader):
            if hasattr(sampler, "set_epoch"):
                sampler.set_epoch(self.clock.order_seed[1])
        skip, self.clock.skip = self.clock.skip, 0
        for index, batch in enumerate(Counted(self.loader, "batches")):
            if index >= skip:
                yield batch


class Counted:
    """What an iterable gives, if it is as much as its ``__len__`` says.

    Args:
        sampler: A sampler or loader; without ``__len__`` nothing is compared.
        what: What it gives, for messages.
    """

    def __init__(self, sampler: Iterable[Any], what: str) -> None:
        self.sampler = sampler
        self.what = what

    def __len__(self) -> int:
        return len(self.sampler)  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[Any]:
        """Yield the items, the last once it is known to be the last.

        Raises:
            UserError: There is more or less.
        """
        try:
            promised = len(self)
        except (TypeError, NotImplementedError):
            yield from self.sampler
            return
        rest = iter(self.sampler)
        for count in range(promised):
            item = next(rest, rest)
            if item is rest:
                raise self._wrong_count(str(count), promised)
            if count == promised - 1 and next(rest, rest) is not rest:
                raise self._wrong_count(f"more than {promised}", promised)
            yield item

    def _wrong_count(self, found: str, promised: int) -> UserError:
        return UserError(
            f"{type(self.sampler).__name__} gave {found} {self.what}, and its __len__ says "
            f"{promised}",
            where="training.dataloader",
            hint="let __len__ return how many it gives in an epoch",
        )


def samplers_of(loader: Any) -> list[Any]:
    """Return the samplers in a loader or sampler, and those in them."""
    found = [loader]
    for one in found:
        inner = [getattr(one, name, None) for name in _SAMPLING]
        found += [each for each in inner if each is not None and all(each is not f for f in found)]
    return found[1:]


def make_custom_loader(
    node: Mapping[str, Any], data: Any, offered: Mapping[str, Any], clock: Clock, timeout: float = 0
) -> CustomLoader:
    """Construct the ``loader`` of a split.

    Args:
        node: The target, called with the data set first.
        data: The data set.
        offered: Further arguments, for those parameters that it has and the config does not give;
            ``rank`` and ``world`` are number and count of the processes, and ``generator`` is
            seeded anew for each epoch.
        clock: Seed and epoch.
        timeout: Limit in seconds for a batch of a PyTorch loader that has processes and no limit.

    Raises:
        UserError: It cannot be called, returns no iterable, or has no parameter ``rank`` although
            there are several ranks.
    """
    where = getattr(node, "where", "")
    wanted = parameters_of(node, where) - set(node)
    arguments = {name: value for name, value in offered.items() if name in wanted}
    given = dict(node)
    knows_rank = offered["world"] == 1 or "rank" in {*arguments, *node}
    if not knows_rank:
        target = locate_target(node[TARGET], where)
        is_loader = isinstance(target, type) and issubclass(target, DataLoader)
        takes_sampler = is_loader and "sampler" in parameters_of(node, where)
        if takes_sampler and not set(_SAMPLING) & set(node):  # with ``shuffle`` of the loader
            arguments["sampler"] = DistributedSampler(
                data,
                num_replicas=offered["world"],
                rank=offered["rank"],
                shuffle=bool(given.pop("shuffle", False)),
                seed=clock.seed,
            )
        elif not is_loader:
            raise _same_for_all(node[TARGET], offered["world"], where)
    loader = instantiate(given, data, where=where, **arguments)
    if not knows_rank and not any(isinstance(s, DistributedSampler) for s in samplers_of(loader)):
        raise _same_for_all(node[TARGET], offered["world"], where)
    if isinstance(loader, DataLoader) and loader.num_workers and "timeout" not in node:
        loader.timeout = loader.timeout or timeout
    if not hasattr(loader, "__iter__"):
        raise UserError(
            f"{node[TARGET]} gives {type(loader).__name__}, which is no loader",
            where=where,
            hint="it has to return something that gives batches, for example a DataLoader",
        )
    return CustomLoader(loader, offered["generator"], clock)


def _same_for_all(target: str, world: int, where: str) -> UserError:
    return UserError(
        f"{target} does not ask which rank it is for: with {world} ranks each would get all of "
        "the data",
        where=where,
        hint="give it the parameters rank and world, and let it return that share",
    )


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
        sampler = BatchSampler(items, batches["batch_size"] or BATCH_SIZE, batches["drop_last"])
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
