"""Loaders and samplers of a recipe's own, made to start each epoch from its seed and to resume."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import torch
from torch.utils.data import DataLoader, DistributedSampler

from espnet3_runtime.build.instantiate import instantiate, locate_target, parameters_of
from espnet3_runtime.data.sampler import Clock, mix_bits
from espnet3_runtime.errors import UserError
from espnet3_schemas import TARGET

_SAMPLING = ("sampler", "batch_sampler")


class CustomLoader:
    """Any iterable of batches, as the training loop needs it.

    Each epoch begins from a seed of its own, so that a resumed one gives the same batches; those
    that are done already are read and dropped.

    Args:
        loader: Gives batches; iterated once an epoch.
        generator: What its order is drawn from, if it takes one.
        clock: Seed, epoch, and how many batches are done.
    """

    def __init__(self, loader: Iterable[Any], generator: torch.Generator, clock: Clock) -> None:
        self.loader = loader
        self.generator = generator
        self.clock = clock

    def __len__(self) -> int:
        return len(self.loader)  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[Any]:
        """Give the batches of the clock's epoch that are left."""
        self.generator.manual_seed(mix_bits(mix_bits(self.clock.seed) + self.clock.epoch) >> 1)
        for name in _SAMPLING:
            set_epoch = getattr(getattr(self.loader, name, None), "set_epoch", None)
            if set_epoch is not None:
                set_epoch(self.clock.epoch)
        skip, self.clock.skip = self.clock.skip, 0
        for index, batch in enumerate(self.loader):
            if index >= skip:
                yield batch


def seed_sampler(sampler: Any, generator: torch.Generator) -> Any:
    """Let a sampler of PyTorch that was given no generator draw its order from this one."""
    if getattr(sampler, "generator", sampler) is None:
        sampler.generator = generator
    return sampler


def make_custom_loader(
    node: Mapping[str, Any], data: Any, offered: Mapping[str, Any], clock: Clock
) -> CustomLoader:
    """Construct the ``loader`` of a split.

    Args:
        node: What is called, with the data set first.
        data: The data set.
        offered: Further arguments, for those parameters that it has and the config does not give;
            ``rank`` and ``world`` say which of how many processes this is, and ``generator`` is
            seeded anew for each epoch.
        clock: Seed and epoch.

    Raises:
        UserError: It cannot be called, what it returns cannot be iterated, or it is to serve one of
            several ranks and has no parameter ``rank``.
    """
    where = getattr(node, "where", "")
    wanted = parameters_of(node, where) - set(node)
    arguments = {name: value for name, value in offered.items() if name in wanted}
    given = dict(node)
    if offered["world"] > 1:
        arguments |= _rank_share(given, data, offered, clock, arguments, where)
    loader = instantiate(given, data, where=where, **arguments)
    if not hasattr(loader, "__iter__"):
        raise UserError(
            f"{node[TARGET]} gives {type(loader).__name__}, which is no loader",
            where=where,
            hint="it has to return something that gives batches, for example a DataLoader",
        )
    return CustomLoader(loader, offered["generator"], clock)


def _rank_share(
    given: dict[str, Any],
    data: Any,
    offered: Mapping[str, Any],
    clock: Clock,
    asked: Mapping[str, Any],
    where: str,
) -> dict[str, Any]:
    """Return what gives a loader the share of its rank; ``shuffle`` goes over to the sampler."""
    target = locate_target(given[TARGET], where)
    if not (isinstance(target, type) and issubclass(target, DataLoader)):
        if "rank" not in {*asked, *given}:
            raise UserError(
                f"{given[TARGET]} does not ask which rank it is for: with {offered['world']} "
                "ranks each would get all of the data",
                where=where,
                hint="give it the parameters rank and world, and let it return that share",
            )
        return {}
    if set(_SAMPLING) & set(given):
        return {}
    sampler: Any = DistributedSampler(
        data,
        num_replicas=offered["world"],
        rank=offered["rank"],
        shuffle=bool(given.pop("shuffle", False)),
        seed=clock.seed,
    )
    return {"sampler": sampler}
