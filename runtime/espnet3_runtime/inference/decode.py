"""Run a model over the shards of a test set, in this process or in a Dask worker."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from espnet3_runtime.config import ConfigView
from espnet3_runtime.data.dataset_entries import DatasetDirectories, DatasetEntry
from espnet3_runtime.data.split_dataset import SplitDataset, load_split
from espnet3_runtime.data.worker_errors import loader_workers
from espnet3_runtime.errors import UserError
from espnet3_runtime.inference.device import pick_device
from espnet3_runtime.inference.outputs import (
    SCALARS,
    OutputFormat,
    as_scalar,
    read_formats,
    write_output,
)
from espnet3_runtime.inference.predictor import (
    Predictor,
    Preparation,
    declared_audio,
    make_predictor,
)
from espnet3_runtime.inference.shards import (
    InferenceRecord,
    Shard,
    ShardPart,
    is_done,
    read_records,
)
from espnet3_runtime.inference.writing_thread import WritingThread, own_value
from espnet3_runtime.process.dask_workers import use_threads, worker_number
from espnet3_runtime.process.interrupts import survive_signals


@dataclass(frozen=True)
class DecodingJob:
    """Everything that a process needs to decode any shard; it is sent to Dask workers.

    Attributes:
        config: The inference config, late values filled in.
        model: The stage's model node.
        checkpoint: Weights, absolute.
        directories: The recipe's directory and that of its data.
    """

    config: ConfigView
    model: ConfigView | None
    checkpoint: Path | None
    directories: DatasetDirectories


class PreparedDataset:
    """Map-style data set of pairs: a record with columns for scoring, the sample for the model."""

    def __init__(self, dataset: SplitDataset, preparation: Preparation) -> None:
        self.dataset = dataset
        self.preparation = preparation

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> tuple[InferenceRecord, Any]:
        utt_id, sample = self.dataset[index]
        scalars = {key: as_scalar(value) for key, value in sample.items()}
        columns = {key: value for key, value in scalars.items() if isinstance(value, SCALARS)}
        audio = declared_audio(self.preparation.contract, sample)
        seconds = float(audio[0].shape[-1] / audio[1]) if audio else 0.0
        record = InferenceRecord(index=index, utt_id=utt_id, columns=columns, seconds=seconds)
        return record, self.preparation.prepare(utt_id, sample)

    def batch(
        self, items: Sequence[tuple[InferenceRecord, Any]]
    ) -> tuple[list[InferenceRecord], Any]:
        """Return the records and the batch of some items."""
        pairs = [(record.utt_id, sample) for record, sample in items]
        return [record for record, _ in items], self.preparation.batch(pairs)[1]


def load_test_set(
    config: ConfigView, entry: DatasetEntry, directories: DatasetDirectories
) -> SplitDataset:
    """Return a test set with its transform; the preprocessor belongs to the predictor.

    Args:
        config: The inference config.
        entry: The entry of ``dataset.test``.
        directories: The recipe's directory and that of its data.
    """
    return load_split(config["dataset"], "test", directories, entries=[entry], preprocess=False)


def decode_shards(
    predictor: Predictor,
    dataset: SplitDataset,
    shards: Sequence[Shard],
    work: Path,
    config: ConfigView,
    tick: Callable[[Sequence[InferenceRecord]], None],
) -> None:
    """Decode shards one after another.

    Loader processes read ahead across their borders, and a thread writes what is decoded.

    Args:
        predictor: The model with its preparation and runner.
        dataset: The test set.
        shards: Items that belong together, in batches.
        work: The directory that shards are written below.
        config: The inference config.
        tick: Called after each batch with the records of its items, and once all is written.
    """
    batches = iter(make_reader(predictor.preparation, dataset, shards, config))
    contract = predictor.preparation.contract
    formats = read_formats(config["output_artifacts"], contract, f"{config.where}.output_artifacts")
    with ExitStack() as parts, WritingThread() as thread:
        for shard in shards:
            part = ShardPart(shard.directory(work))
            parts.callback(part.discard)
            for _ in shard.batches:
                records, batch = next(batches)
                _seed_batch(config["seed"], records[0].index)
                results = predictor.run([record.utt_id for record in records], batch)
                thread.submit(partial(write_result, part, formats), records, own_value(results))
                tick(records)
            thread.submit(ShardPart.complete, [part])
    tick(())


def make_reader(
    preparation: Preparation, dataset: SplitDataset, shards: Sequence[Shard], config: ConfigView
) -> Iterable[tuple[list[InferenceRecord], Any]]:
    """Return a loader of the batches of shards, each with the records of its items.

    What is random in an item is the same for any number of loader processes.

    Args:
        preparation: The steps before the model.
        dataset: The test set.
        shards: Items that belong together, in batches.
        config: The inference config.
    """
    from espnet3_runtime.data.loader import SignalSafeLoader
    from espnet3_runtime.data.sampler import SeedItem

    if config["seed"] is not None:
        dataset.before_item = SeedItem(config["seed"], 0)
    samples = PreparedDataset(dataset, preparation)
    return SignalSafeLoader(
        samples,  # type: ignore[arg-type]
        batch_sampler=[list(batch) for shard in shards for batch in shard.batches],
        num_workers=loader_workers(config["dataloader"]["num_workers"]),
        collate_fn=samples.batch,
        worker_init_fn=survive_signals,
        timeout=config["dataloader"]["timeout"],
    )


def _seed_batch(seed: int | None, first: int) -> None:
    """Make a decoder that draws independent of which worker or which attempt runs a batch.

    Args:
        seed: Of the config.
        first: The index of the first item of the batch.
    """
    if seed is not None:
        import torch

        from espnet3_runtime.data.sampler import SeedItem

        SeedItem(seed, 1)(first)  # 0 is for reading the item
        if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
            torch.cuda.manual_seed_all(torch.default_generator.initial_seed())


def write_result(
    part: ShardPart,
    formats: Mapping[str, OutputFormat],
    record: InferenceRecord,
    result: Mapping[str, Any],
) -> None:
    """Write the outputs of an item, as files and as a line of its shard.

    Args:
        part: The shard.
        formats: By output.
        record: Of the item.
        result: What the runner gave for it.

    Raises:
        UserError: An output has no usable name, or cannot be written.
    """
    outputs, files = {}, {}
    for name, value in result.items():
        if not isinstance(name, str) or not name.isidentifier() or name == "dataset":
            raise UserError(
                f'an output cannot be called "{name}"; names are identifiers other than "dataset"',
                where="runner",
            )
        chosen = formats.get(name, OutputFormat())
        written = write_output(part.path, name, record.utt_id, value, chosen)
        if written.file is None:
            outputs[name] = written.value
        else:
            files[name] = written.file
    part.add(replace(record, outputs=outputs, files=files))


_ready: dict[str, Predictor] = {}


def decode_in_worker(
    job: DecodingJob, entry: DatasetEntry, shard: Shard, work: Path
) -> tuple[float, float]:
    """Decode one shard in a worker process, which keeps the model for its next shard.

    Args:
        job: Everything that the predictor is built from.
        entry: The entry of ``dataset.test``.
        shard: The items.
        work: The directory that the shard is written below.

    Returns:
        Seconds of audio, and the seconds that decoding it took.
    """
    if is_done(shard, work):  # Dask repeats the finished tasks of a worker that died later
        return sum(record.seconds for record in read_records(shard.directory(work))), 0.0
    use_threads(job.config["num_threads"])
    key = repr(job)
    if key not in _ready:
        _ready.clear()
        device = pick_device(job.config["device"], worker_number())
        _ready[key] = make_predictor(job.config, job.model, device, job.checkpoint)
    done: list[InferenceRecord] = []
    dataset = load_test_set(job.config, entry, job.directories)
    start = time.monotonic()
    decode_shards(_ready[key], dataset, [shard], work, job.config, done.extend)
    return sum(record.seconds for record in done), time.monotonic() - start
