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
        words = np.random.SeedSequence([self.clock.seed, self.clock.epoch]).generate_state(1)
        self.generator.manual_seed(int(words[0]))
        for sampler in samplers_of(self.loader):
            if hasattr(sampler, "set_epoch"):
                sampler.set_epoch(self.clock.epoch)
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
