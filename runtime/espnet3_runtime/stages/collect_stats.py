"""Collect the lengths of all items, and the global mean and variance of the features."""

import shutil
from collections.abc import Sequence
from functools import reduce
from operator import add
from pathlib import Path

import numpy as np

from espnet3_runtime.data.collecting import (
    Collector,
    Job,
    Stretch,
    collect_in_worker,
    load_for_statistics,
    read_found,
    write_found,
)
from espnet3_runtime.data.lengths import Shapes, write_shapes
from espnet3_runtime.data.moments import write_moments
from espnet3_runtime.data.reference import Place
from espnet3_runtime.data.split import SplitDataset
from espnet3_runtime.parallel import in_process, run_tasks
from espnet3_runtime.stage import Outputs, StageContext
from espnet3_runtime.threads import use_threads

STRETCHES = 64
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
        train_shapes: Lengths of every field, see :func:`~espnet3_runtime.data.lengths.read_shapes`.
        valid_shapes: The same for the validation set.
    """
    config = context.configs["training"]
    use_threads(config["num_threads"])
    place = Place(context.recipe_dir, context.data_dir)
    job = Job(config, context.model, place, config["seed"] or 0)
    work = context.directory / "work"
    if not context.resume:
        shutil.rmtree(work, ignore_errors=True)
    outputs: Outputs = {}
    for split in ("train", "valid"):
        if config["dataset"][split]:
            outputs |= _collect_split(context, job, split, work)
    shutil.rmtree(work, ignore_errors=True)
    return outputs


def _collect_split(context: StageContext, job: Job, split: str, work: Path) -> Outputs:
    here = in_process(job.config["parallel"])
    collector = Collector(job, split) if here else None
    dataset = load_for_statistics(job, split) if collector is None else collector.dataset
    stretches = _cut(split, len(dataset), job.config["collect_stats"]["batch_size"], work)
    todo = [stretch for stretch in stretches if not stretch.path.is_file()]
    with context.progress(f"collect_stats {split}", total=len(dataset)) as bar:
        bar.advance(len(dataset) - sum(stretch.size for stretch in todo))
        if collector is not None:
            for stretch in todo:
                write_found(stretch.path, collector.run(stretch, bar.advance))
        else:
            tasks = [(job, stretch) for stretch in todo]
            parallel = job.config["parallel"]
            for number, _ in run_tasks(collect_in_worker, tasks, parallel, context.recipe_dir):
                bar.advance(todo[number].size)
    return _merge(context, dataset, split, stretches)


def _cut(split: str, count: int, batch_size: int, work: Path) -> Sequence[Stretch]:
    """Cut a split into stretches of whole batches."""
    batches = -(-count // batch_size)
    size = batch_size * max(-(-batches // STRETCHES), -(-LEAST_ITEMS // batch_size))
    return [
        Stretch(split, start, min(start + size, count), work / split / f"{number:03d}.npz")
        for number, start in enumerate(range(0, count, size))
    ]


def _merge(
    context: StageContext, dataset: SplitDataset, split: str, stretches: Sequence[Stretch]
) -> Outputs:
    found = [read_found(stretch.path) for stretch in stretches]
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
