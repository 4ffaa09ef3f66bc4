"""Collect the lengths of all items, and the global mean and variance of the features."""

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
from espnet3_runtime.process.dask_workers import Workers, in_process, use_threads
from espnet3_runtime.stage import Outputs, StageContext

MOST_RANGES = 64
"""Into how many pieces a split is cut at most; fixed, so that sums do not depend on the workers."""
LEAST_ITEMS = 256
"""Items of a piece at least; smaller ones would cost more than a restart saves."""


def collect_stats(context: StageContext) -> Outputs:
    """Read every item of train and valid once.

    Features come from ``collect_stats.features``, a module called with the fields that its
    arguments are named after, otherwise from the model's ``collect_feats(**batch)``; without
    either only lengths are collected.  Pieces that are done stay done when the stage is
    interrupted, and the result is the same for any number of workers.

    Outputs:
        feats_stats: ``count``, ``sum`` and ``sum_square`` of the features of the training set.
        train_shapes: Lengths of every field, see
            :func:`~espnet3_runtime.data.item_lengths.read_shapes`.
        valid_shapes: The same for the validation set.
    """
    config = context.configs["training"]
    use_threads(config["num_threads"])
    place = DatasetDirectories(context.recipe_dir, context.data_dir)
    job = CollectionJob(config, context.model, place, config["seed"] or 0)
    work = context.directory / "work"
    if not context.resume:
        shutil.rmtree(work, ignore_errors=True)
    context.cleared()
    splits = [
        _plan_split(job, split, work) for split in ("train", "valid") if config["dataset"][split]
    ]
    most = max((len(split.todo) for split in splits), default=0)
    outputs: Outputs = {}
    with Workers(config["parallel"], context.recipe_dir, most) as workers:
        for split in splits:
            if in_process(config["parallel"], most):
                _collect_here(context, job, split)
            else:
                _collect_on_workers(context, job, split, workers)
            outputs |= _merge(context, split.dataset, split.name, split.stretches)
    shutil.rmtree(work, ignore_errors=True)
    return outputs


@dataclass(frozen=True)
class SplitRanges:
    """A split, the pieces into which it is cut, and those that are not done yet."""

    name: str
    dataset: SplitDataset
    stretches: Sequence[ItemRange]
    todo: Sequence[ItemRange]

    @property
    def done(self) -> int:
        """Number of items that were read before."""
        return len(self.dataset) - sum(stretch.size for stretch in self.todo)


def _plan_split(job: CollectionJob, split: str, work: Path) -> SplitRanges:
    dataset = load_for_statistics(job, split)
    stretches = _cut_ranges(split, len(dataset), job.config["collect_stats"]["batch_size"], work)
    todo = [stretch for stretch in stretches if not stretch.path.is_file()]
    return SplitRanges(split, dataset, stretches, todo)


def _collect_here(context: StageContext, job: CollectionJob, split: SplitRanges) -> None:
    collector = StatsCollector(job, split.dataset) if split.todo else None
    with context.progress(f"collect_stats {split.name}", total=len(split.dataset)) as bar:
        bar.advance(split.done)
        for stretch in split.todo:
            assert collector is not None
            write_stats(stretch.path, collector.run(stretch, bar.advance))


def _collect_on_workers(
    context: StageContext, job: CollectionJob, split: SplitRanges, workers: Workers
) -> None:
    tasks = [(job, stretch) for stretch in split.todo]
    with context.progress(f"collect_stats {split.name}", total=len(split.dataset)) as bar:
        bar.advance(split.done)
        for number, _ in workers.run(collect_in_worker, tasks):
            bar.advance(split.todo[number].size)


def _cut_ranges(split: str, count: int, batch_size: int, work: Path) -> Sequence[ItemRange]:
    """Cut a split into stretches of whole batches."""
    batches = -(-count // batch_size)
    size = batch_size * max(-(-batches // MOST_RANGES), -(-LEAST_ITEMS // batch_size))
    return [
        ItemRange(split, start, min(start + size, count), work / split / f"{number:03d}.npz")
        for number, start in enumerate(range(0, count, size))
    ]


def _merge(
    context: StageContext, dataset: SplitDataset, split: str, stretches: Sequence[ItemRange]
) -> Outputs:
    found = [read_stats(stretch.path) for stretch in stretches]
    first = found[0]
    shapes = Shapes(
        keys=tuple(entry.key for entry in dataset.entries),
        sizes=dataset.sizes,
        lengths={
            field: np.concatenate([part.lengths[field] for part in found])
            for field in first.lengths
        },
        widths=first.widths,
    )
    path = context.outputs[f"{split}_shapes"]
    write_shapes(path, shapes)
    outputs = {f"{split}_shapes": path}
    for name in first.moments:
        moments = reduce(add, (part.moments[name] for part in found))
        file = path.parent / f"{name}_stats.npz"
        write_moments(file, moments)
        context.log.info("%s: %d frames of %s", split, moments.count, name)
        if split == "train" and name == "feats":
            outputs["feats_stats"] = file
    return outputs
