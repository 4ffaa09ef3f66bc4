"""The order of a stream's samples in an epoch, and how batches are dealt out to the ranks.

Every rank and every worker goes through the same order, so nobody has to tell the others anything:
each takes its own batches of it, no sample is in two batches, and none is lost.
"""

import random
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice, pairwise
from typing import Any, TypeVar

import numpy as np
import torch

from espnet3_runtime.data.sampler import SeedItem

Sample = TypeVar("Sample")
_READING = -1
"""In place of the number of an item: the generators while the samples themselves are read."""


class ReadingGenerators:
    """The global generators of the CPU as reading data sees them; the model has its own.

    So what a data set or a transform draws depends on seed, epoch and sample only, not on the
    number of workers, on what the model draws, or on a resume.

    Args:
        seed: Seed of the run.
        epoch: Epoch of the order.
    """

    def __init__(self, seed: int, epoch: int) -> None:
        self.seed_item = SeedItem(seed, epoch)
        with self.apart():
            self.seed_item(_READING)
            self._state = _read_state()

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Go on with the generators of reading; those outside stay as they are."""
        outer = _read_state()
        _restore_state(self._state)
        try:
            yield
        finally:
            self._state = _read_state()
            _restore_state(outer)

    @contextmanager
    def apart(self) -> Iterator[None]:
        """Leave the generators outside as they are, whatever is drawn or seeded inside."""
        outer = _read_state()
        try:
            yield
        finally:
            _restore_state(outer)


def _read_state() -> tuple[Any, Any, torch.Tensor]:
    return random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002


def _restore_state(state: tuple[Any, Any, torch.Tensor]) -> None:
    random.setstate(state[0])
    np.random.set_state(state[1])  # noqa: NPY002
    torch.set_rng_state(state[2])


def shuffle_stream(
    samples: Iterable[Sample], buffer_size: int, seed: Sequence[int]
) -> Iterator[Sample]:
    """Yield samples in another order: each is drawn among the next ``buffer_size``.

    Args:
        samples: The stream.
        buffer_size: How many samples are held in memory.
        seed: Of the order; those of the run and of the epoch.
    """
    rng = np.random.default_rng(list(seed))
    held: list[Sample] = []
    for sample in samples:
        if len(held) < buffer_size:
            held.append(sample)
            continue
        place = int(rng.integers(len(held)))
        yield held[place]
        held[place] = sample
    yield from (held[int(place)] for place in rng.permutation(len(held)))


def deal_rounds(
    samples: Iterable[Sample], size: int, world: int, *, drop_last: bool
) -> Iterator[list[list[Sample]]]:
    """Yield rounds of one batch for each rank, so that all ranks have equally many.

    The last samples are shared evenly, so the last batches of the ranks differ by one sample at
    most; fewer than there are ranks make the batches before them one larger.

    Args:
        samples: The stream.
        size: Samples of a batch.
        world: How many ranks there are.
        drop_last: Whether samples at the end that do not fill a batch for every rank are left out.

    Raises:
        ValueError: There are fewer samples than ranks.
    """
    source, full = iter(samples), size * world
    held = list(islice(source, full))
    while len(held) == full:
        coming = list(islice(source, full))
        if drop_last or len(coming) == full or not coming or len(coming) >= world:
            yield _split_evenly(held, world)
            held = coming
        else:
            held += coming
    if not held or (drop_last and len(held) < full):
        return
    if len(held) < world:
        raise ValueError(f"{len(held)} samples for {world} ranks")
    yield _split_evenly(held, world)


def _split_evenly(samples: list[Sample], world: int) -> list[list[Sample]]:
    bounds = [len(samples) * rank // world for rank in range(world + 1)]
    return [samples[start:end] for start, end in pairwise(bounds)]
