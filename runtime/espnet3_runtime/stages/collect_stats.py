"""The stage ``collect_stats``: lengths of all items, mean and variance of the features."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from pathlib import Path

import numpy as np

from espnet3_runtime.data.collect_worker import (
    CollectionJob,
    ItemRange,
    StatsCollector,
    collect_in_worker,
    load_for_statistics,
    read_stats,
    write_stats,
)
from espnet3_runtime.data.dataset_entries import DatasetDirectories
from espnet3_runtime.data.feature_moments import write_moments
from espnet3_runtime.data.item_lengths import Shapes, write_shapes
from espnet3_runtime.data.split_dataset import SplitDataset
from espnet3_runtime.data.tokens import Spelling
from espnet3_runtime.process.dask_workers import Workers, in_process, use_threads
from espnet3_runtime.stage import Outputs, StageContext

MOST_RANGES = 64
"""Largest number of ranges of a split; fixed, so that sums do not depend on the workers."""
LEAST_ITEMS = 256
"""Items of a range at least; smaller ones would cost more than a restart saves."""


def collect_stats(context: StageContext) -> Outputs:
    """Read every item of train and valid once.

    Features come from ``collect_stats.features``, a module called with the fields of its arguments'
    names, otherwise from the model's ``collect_feats(**batch)``; without either only lengths are
    collected.  An interrupted stage continues with the next range, and the result is the same for
    any number of workers.

    Outputs:
        feats_stats: ``count``, ``sum`` and ``sum_square`` of the features of the training set.
        train_shapes: Lengths of every field, see
            :func:`~espnet3_runtime.data.item_lengths.read_shapes`.
        valid_shapes: The same for the validation set.
    """
    config = context.configs["training"]
    use_threads(config["num_threads"])
    directories = DatasetDirectories(context.recipe_dir, context.data_dir)
    job = CollectionJob(config, context.model, directories, config["seed"] or 0)
    work = context.directory / "work"
    if not context.resume:
        shutil.rmtree(work, ignore_errors=True)
    context.cleared()
    splits = [
        _plan_split(job, split, work) for split in ("train", "valid") if config["dataset"][split]
    ]
    most = max((len(split.todo) for split in splits), default=0)
    here = in_process(config["parallel"], most)
    outputs: Outputs = {}
    with Workers(config["parallel"], context.recipe_dir, most) as workers:
        for split in splits:
            _collect(context, job, split, None if here else workers)
            outputs |= _merge(context, split)
    shutil.rmtree(work, ignore_errors=True)
    return outputs


@dataclass(frozen=True)
class SplitRanges:
    """A split, its ranges of items, and the ranges that are not done yet."""

    name: str
    dataset: SplitDataset
    ranges: Sequence[ItemRange]
    todo: Sequence[ItemRange]


def _plan_split(job: CollectionJob, split: str, work: Path) -> SplitRanges:
    dataset = load_for_statistics(job, split)
    ranges = _cut_ranges(split, len(dataset), job.config["collect_stats"]["batch_size"], work)
    todo = [items for items in ranges if not items.path.is_file()]
    return SplitRanges(split, dataset, ranges, todo)


def _collect(
    context: StageContext, job: CollectionJob, split: SplitRanges, workers: Workers | None
) -> None:
    """Collect the ranges of a split on workers, or here without any."""
    total = len(split.dataset)
    with context.progress(f"collect_stats {split.name}", total=total) as bar:
        bar.advance(total - sum(items.size for items in split.todo))
        if workers is not None:
            tasks = [(job, items) for items in split.todo]
            for number, _ in workers.run(collect_in_worker, tasks):
                bar.advance(split.todo[number].size)
        elif split.todo:
            collector = StatsCollector(job, split.dataset)
            for items in split.todo:
                write_stats(items.path, collector.run(items, bar.advance))


def _cut_ranges(split: str, count: int, batch_size: int, work: Path) -> Sequence[ItemRange]:
    """Cut a split into ranges of full batches."""
    batches = -(-count // batch_size)
    size = batch_size * max(-(-batches // MOST_RANGES), -(-LEAST_ITEMS // batch_size))
    return [
        ItemRange(split, start, min(start + size, count), work / split / f"{number:03d}.npz")
        for number, start in enumerate(range(0, count, size))
    ]


def _merge(context: StageContext, split: SplitRanges) -> Outputs:
    found = [read_stats(items.path) for items in split.ranges]
    first = found[0]
    keys = tuple(entry.key for entry in split.dataset.entries)
    lengths = {
        field: np.concatenate([part.lengths[field] for part in found]) for field in first.lengths
    }
    spelling = Spelling()
    for part in found:
        spelling.add(part.spelling)
    spelling.report(context, split.name)
    path = context.outputs[f"{split.name}_shapes"]
    write_shapes(path, Shapes(keys, split.dataset.sizes, lengths, first.widths))
    outputs = {f"{split.name}_shapes": path}
    for name in first.moments:
        moments = reduce(add, (part.moments[name] for part in found))
        file = path.parent / f"{name}_stats.npz"
        write_moments(file, moments)
        context.log.info("%s: %d frames of %s", split.name, moments.count, name)
        if split.name == "train" and name == "feats":
            outputs["feats_stats"] = file
    return outputs
