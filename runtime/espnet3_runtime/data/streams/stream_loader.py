"""The batches of a stream for one rank, read by the training itself or by its loader's workers."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from logging import Logger
from typing import Any

import torch
import torch.utils.data._utils.worker as torch_worker
from torch.utils.data import IterableDataset, get_worker_info

from espnet3_runtime.data.batching import BATCH_SIZE
from espnet3_runtime.data.custom_loader import CustomLoader
from espnet3_runtime.data.loader import DataParallelRank, SignalSafeLoader, make_collate
from espnet3_runtime.data.sampler import Clock
from espnet3_runtime.data.split_dataset import Sample
from espnet3_runtime.data.streams.stream_order import (
    ReadingGenerators,
    deal_rounds,
    shuffle_stream,
)
from espnet3_runtime.data.streams.stream_split import StreamSplit
from espnet3_runtime.data.worker_errors import ErrorCarryingCollate
from espnet3_runtime.errors import UserError
from espnet3_runtime.process.interrupts import survive_signals

_BY_NUMBER = ("numel", "length", "folded", "chunk", "category")


@dataclass
class StreamBatches(IterableDataset[Any]):
    """The samples of one rank's batches, a list for each; a copy in a worker gives every n-th.

    Every copy goes through the whole stream, and changes only the samples of its own batches, so
    a batch is the same for any number of workers.

    Attributes:
        split: The samples.
        batches: The ``batches`` block.
        rank: Number of this process.
        world: How many processes there are.
        order_seed: Seed of the run and number of the epoch that starts next.
        skip: Batches of this rank and epoch that are done already.
    """

    split: StreamSplit
    batches: Mapping[str, Any]
    rank: int
    world: int
    order_seed: tuple[int, int] = (0, 0)
    skip: int = 0

    def __iter__(self) -> Iterator[Any]:
        """Yield the samples of a batch, or in a worker what is wrong with the data."""
        info = get_worker_info()
        # Data sets that share themselves among workers must not: this one does it.
        torch_worker._worker_info = None  # noqa: SLF001 - torch has no public way
        assert get_worker_info() is None
        if info is None:
            yield from self._read_batches(0, 1)
            return
        try:
            yield from self._read_batches(info.id, info.num_workers)
        except UserError as error:
            yield [error]

    def _read_batches(self, worker: int, workers: int) -> Iterator[list[tuple[str, Sample]]]:
        generators = ReadingGenerators(*self.order_seed)
        rounds = self._deal_rounds()
        number = -self.skip
        while True:
            with generators.reading():
                dealt = next(rounds, None)
            if dealt is None:
                return
            if number >= 0 and number % workers == worker:
                with generators.apart():
                    batch = [self._finish_sample(one, generators) for one in dealt[self.rank]]
                yield batch
            number += 1

    def _deal_rounds(self) -> Iterator[list[list[tuple[int, int, Sample]]]]:
        samples = self.split.raw_samples(self.order_seed[1])
        if self.batches["shuffle"]:
            samples = shuffle_stream(samples, self.batches["buffer_size"], self.order_seed)
        size, drops = self.batches["batch_size"] or BATCH_SIZE, self.batches["drop_last"]
        where, is_empty = self.split.parts.entries[0].where, True
        try:
            for dealt in deal_rounds(samples, size, self.world, drop_last=drops):
                is_empty = False
                yield dealt
        except ValueError as error:
            raise UserError(f"there are too few data: {error}", where=where) from None
        if is_empty:
            raise UserError(
                f"drop_last leaves no batch of {size} samples for every rank",
                where=where,
                hint="set drop_last to false or make batch_size smaller",
            )

    def _finish_sample(
        self, read: tuple[int, int, Sample], generators: ReadingGenerators
    ) -> tuple[str, Sample]:
        generators.seed_item(read[0])
        return self.split.finish_sample(*read)


class StreamLoader(CustomLoader):
    """The loader of :class:`StreamBatches`, which it tells where the clock is."""

    def __iter__(self) -> Iterator[Any]:
        """Yield the batches of the clock's epoch that are left."""
        assert isinstance(self.loader, SignalSafeLoader)
        data, (seed, epoch) = self.loader.dataset, self.clock.order_seed
        assert isinstance(data, StreamBatches)
        data.order_seed, data.skip = (seed, epoch), self.clock.skip
        self.clock.skip = 0
        yield from self.loader


def make_stream_loader(
    dataset: StreamSplit,
    split: str,
    config: Mapping[str, Any],
    *,
    clock: Clock,
    rank: DataParallelRank,
    log: Logger,
) -> StreamLoader:
    """Construct the loader of ``train`` or ``valid`` over a stream.

    Args:
        dataset: The split.
        split: ``train`` or ``valid``.
        config: The ``dataloader`` block.
        clock: Seed and epoch for shuffling and for the workers.
        rank: This process; every rank gets equally many batches.
        log: Is told that batches are not sorted.

    Raises:
        UserError: The batches need lengths, or items by their number.
    """
    block, workers = config[split], config["num_workers"]
    _check_block(dataset, block)
    if block["batches"]["type"] == "sorted":
        log.info("the batches of %s are not sorted by length: the data are a stream", split)
    collate = make_collate(config)
    generator = torch.Generator().manual_seed(clock.seed)  # instead of the global one
    loader: SignalSafeLoader[Any] = SignalSafeLoader(
        StreamBatches(dataset, block["batches"], rank.index, rank.world),
        batch_size=None,
        collate_fn=ErrorCarryingCollate(collate) if workers else collate,
        num_workers=workers,
        pin_memory=config["pin_memory"],
        worker_init_fn=survive_signals if workers else None,
        timeout=config["timeout"],
        generator=generator,
    )
    return StreamLoader(loader, generator, clock)


def _check_block(dataset: StreamSplit, block: Mapping[str, Any]) -> None:
    stream = dataset.parts.entries[0].where
    for key in ("loader", "sampler"):
        if block[key] is not None:
            raise UserError(
                f"a {key} reads items by their number, and {stream} gives its samples one after "
                "another",
                where=getattr(block[key], "where", ""),
                hint=f"remove the {key}: batches of batch_size samples are made of the stream",
            )
    if block.get("num_iters_per_epoch") is not None:
        raise UserError(
            f"{stream} gives its samples from the first on in each epoch",
            where=f"{getattr(block, 'where', '')}.num_iters_per_epoch",
            hint="write trainer.limit_train_batches, and draw from all data in the Dataset",
        )
    kind = block["batches"]["type"]
    if kind in _BY_NUMBER:
        needs = "category" if kind == "category" else "length"
        raise UserError(
            f'type "{kind}" needs the {needs} of every item, and {stream} gives its samples one '
            "after another",
            where=getattr(block["batches"], "where", ""),
            hint="write type: unsorted and batch_size",
        )
