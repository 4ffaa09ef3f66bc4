"""The batches of one rank in one epoch, and the seeds of the random generators."""

import random
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.utils.data import get_worker_info

from espnet3_runtime.data.batching import DrawnBatches, EpochPlan, Ints
from espnet3_runtime.process.interrupts import survive_signals


@dataclass
class Clock:
    """Position of a training; shared by the loop, the sampler and the workers.

    Attributes:
        seed: Seed of the run.
        epoch: Current epoch, from 0.
        skip: Batches of this rank and epoch that are done already (resume in the middle).
        overfits: Whether every epoch has the order of the first (``overfit_batches``).
    """

    seed: int
    epoch: int = 0
    skip: int = 0
    overfits: bool = False

    @property
    def order_seed(self) -> list[int]:
        """The seed of the order of an epoch."""
        return [self.seed, 0 if self.overfits else self.epoch]


class EpochBatches:
    """Batch sampler: shuffled by epoch, and equally many batches for every rank.

    With several ranks, training drops the batches that do not divide evenly (others every epoch,
    when shuffled); validation repeats some, and :attr:`distinct` says how many count.

    With ``iterations`` an epoch has so many batches, and the next one goes on where it ended: the
    passes through the data follow each other without end, each in another order.

    Args:
        plan: The batches of the split.
        clock: Seed, epoch, and how many batches are done.
        shuffle: Whether the order differs from pass to pass.
        keep_all: Whether some batches are repeated rather than others dropped.
        rank: Number of this process.
        world: How many processes there are.
        iterations: Batches of an epoch for every rank; None makes an epoch of one pass.

    Attributes:
        distinct: How many batches of this rank are no repetitions.
    """

    def __init__(
        self,
        plan: EpochPlan,
        clock: Clock,
        *,
        shuffle: bool,
        keep_all: bool,
        rank: int,
        world: int,
        iterations: int | None = None,
    ) -> None:
        self.plan = plan
        self.clock = clock
        self.shuffle = shuffle
        self.rank = rank
        self.world = world
        self.iterations = iterations
        count = len(plan)
        one_pass = -(-count // world) if keep_all else max(count // world, 1)
        self._length = iterations or one_pass
        shown = len(range(rank, min(count, one_pass * world), world))
        self.distinct = iterations or shown

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[list[Any]]:
        skip, self.clock.skip = self.clock.skip, 0
        seed, epoch = self.clock.order_seed
        before = epoch * self._length if self.iterations else 0
        drawn: tuple[DrawnBatches, Ints] | None = None
        current = -1
        for step in range(before + skip, before + self._length):
            passes, place = divmod(step * self.world + self.rank, len(self.plan))
            number = passes if self.iterations else epoch
            if drawn is None or number != current:
                drawn = self.plan.draw([seed, number] if self.shuffle else None)
                current = number
            batches, order = drawn
            yield batches.batch(int(order[place]))


@dataclass
class SeedWorker:
    """Initialises a loader's worker process: random numbers depend on seed, epoch and item.

    So an item does not depend on the number of workers or on a resume.  Without workers, items
    draw from the generators of the process, which a checkpoint keeps.
    """

    clock: Clock

    def __call__(self, _worker: int) -> None:
        """Seed every item of this worker before it is read."""
        info: Any = get_worker_info()  # its dataset is an ErrorCarryingDataset
        info.dataset.seed_items(SeedItem(self.clock.seed, self.clock.epoch))
        survive_signals()


@dataclass
class SeedItem:
    """Seeds the global generators before an item is read."""

    seed: int
    epoch: int

    def __call__(self, index: Hashable) -> None:
        """Seed the generators of the CPU for one item; reading uses no others."""
        random.seed(f"{self.seed} {self.epoch} {index}")
        np.random.seed(random.getrandbits(32))  # noqa: NPY002 - libraries draw from the global one
        torch.default_generator.manual_seed(random.getrandbits(63))


def seed_generators(*parts: int) -> None:
    """Seed Python's, numpy's and torch's global generators from several numbers."""
    words: list[int] = np.random.SeedSequence(parts).generate_state(3).tolist()
    random.seed(words[0])
    np.random.seed(words[1])  # noqa: NPY002 - libraries draw from the global generator
    torch.manual_seed(words[2])


def read_generators() -> dict[str, Any]:
    """Return the state of the global generators as tensors and plain values (safe to load)."""
    version, words, gauss = random.getstate()
    keys: Any
    _, keys, position, has_gauss, cached = np.random.get_state()  # noqa: NPY002
    return {
        "python": [version, torch.tensor(words, dtype=torch.int64), gauss],
        "numpy": [torch.from_numpy(keys.astype(np.int64)), position, has_gauss, cached],
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }


def restore_generators(state: dict[str, Any]) -> None:
    """Set the global generators to a state from :func:`read_generators`."""
    version, words, gauss = state["python"]
    random.setstate((version, tuple(words.tolist()), gauss))
    keys, position, has_gauss, cached = state["numpy"]
    np.random.set_state(  # noqa: NPY002
        ("MT19937", keys.numpy().astype(np.uint32), position, has_gauss, cached)
    )
    torch.set_rng_state(state["torch"])
    if state["cuda"] and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(state["cuda"])
