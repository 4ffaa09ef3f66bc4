"""Seeds the loaders and samplers of a recipe for each epoch, so that they can be resumed."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, DistributedSampler

from espnet3_runtime.build.instantiate import instantiate, locate_target, parameters_of
from espnet3_runtime.data.sampler import Clock
from espnet3_runtime.errors import UserError
from espnet3_schemas import TARGET

_SAMPLING = ("sampler", "batch_sampler")


class CustomLoader:
    """An iterable of batches that is seeded for each epoch, so that a resumed one is the same.

    Batches that are done already are read and dropped.

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
        for name in _SAMPLING:
            set_epoch = getattr(getattr(self.loader, name, None), "set_epoch", None)
            if set_epoch is not None:
                set_epoch(self.clock.order_seed[1])
        skip, self.clock.skip = self.clock.skip, 0
        for index, batch in enumerate(self.loader):
            if index >= skip:
                yield batch


def seed_sampler(sampler: Any, generator: torch.Generator) -> Any:
    """Set the generator of a sampler of PyTorch that has none."""
    if getattr(sampler, "generator", sampler) is None:
        sampler.generator = generator
    return sampler


def make_custom_loader(
    node: Mapping[str, Any], data: Any, offered: Mapping[str, Any], clock: Clock
) -> CustomLoader:
    """Construct the ``loader`` of a split.

    Args:
        node: The target, called with the data set first.
        data: The data set.
        offered: Further arguments, for those parameters that it has and the config does not give;
            ``rank`` and ``world`` are number and count of the processes, and ``generator`` is
            seeded anew for each epoch.
        clock: Seed and epoch.

    Raises:
        UserError: It cannot be called, returns no iterable, or has no parameter ``rank`` although
            there are several ranks.
    """
    where = getattr(node, "where", "")
    wanted = parameters_of(node, where) - set(node)
    arguments = {name: value for name, value in offered.items() if name in wanted}
    given = dict(node)
    if offered["world"] > 1:
        target = locate_target(node[TARGET], where)
        if isinstance(target, type) and issubclass(target, DataLoader):
            if not set(_SAMPLING) & set(node):  # ``shuffle`` becomes that of the sampler
                arguments["sampler"] = DistributedSampler(
                    data,
                    num_replicas=offered["world"],
                    rank=offered["rank"],
                    shuffle=bool(given.pop("shuffle", False)),
                    seed=clock.seed,
                )
        elif "rank" not in {*arguments, *node}:
            raise UserError(
                f"{node[TARGET]} does not ask which rank it is for: with {offered['world']} "
                "ranks each would get all of the data",
                where=where,
                hint="give it the parameters rank and world, and let it return that share",
            )
    loader = instantiate(given, data, where=where, **arguments)
    if not hasattr(loader, "__iter__"):
        raise UserError(
            f"{node[TARGET]} gives {type(loader).__name__}, which is no loader",
            where=where,
            hint="it has to return something that gives batches, for example a DataLoader",
        )
    return CustomLoader(loader, offered["generator"], clock)
