"""Collects lengths and feature statistics of a range of items; the work of one worker."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from espnet3_runtime.atomic import atomic_file
from espnet3_runtime.config import ConfigView
from espnet3_runtime.data.batching import Ints
from espnet3_runtime.data.dataset_entries import DatasetDirectories
from espnet3_runtime.data.feature_extractors import (
    Batch,
    make_feature_extractor,
    pick_device,
)
from espnet3_runtime.data.feature_moments import Moments, compute_moments, moments_from_arrays
from espnet3_runtime.data.item_lengths import lengths_from_arrays, lengths_to_arrays
from espnet3_runtime.data.loader import load_in_order, make_collate
from espnet3_runtime.data.split_dataset import SplitDataset, load_split
from espnet3_runtime.data.tokens import Spelling, take_spelling
from espnet3_runtime.errors import UserError, no_early_end
from espnet3_runtime.process.dask_workers import use_threads
from espnet3_schemas import TARGET


@dataclass(frozen=True)
class CollectionJob:
    """The settings of the stage as plain data, which is sent to every worker.

    Attributes:
        config: The training config.
        model: The model node, when the stage has one.
        directories: Directories for the data sets.
        seed: Seed of random transforms and preprocessors.
    """

    config: ConfigView
    model: ConfigView | None
    directories: DatasetDirectories
    seed: int


@dataclass(frozen=True)
class ItemRange:
    """Items ``start`` to ``stop`` of a split, and the file for their statistics."""

    split: str
    start: int
    stop: int
    path: Path

    @property
    def size(self) -> int:
        """Number of items."""
        return self.stop - self.start


@dataclass(frozen=True)
class CollectedStats:
    """The statistics of a range of items.

    Attributes:
        lengths: Field to ``(items,)`` lengths along the first axis, int64.
        widths: Field to elements per step.
        moments: Feature to its moments.
        spelling: What the tokenizers of the preprocessor could not spell.
    """

    lengths: Mapping[str, Ints]
    widths: Mapping[str, int]
    moments: Mapping[str, Moments]
    spelling: Spelling


class StatsCollector:
    """Reads items of one split and extracts their features."""

    def __init__(self, job: CollectionJob, dataset: SplitDataset) -> None:
        self.job = job
        self.dataset = dataset
        features = job.config["collect_stats"]["features"]
        self.extract = make_feature_extractor(features, job.model, pick_device())
        self.collate = _CollateWithShapes(make_collate(job.config["dataloader"]))

    def run(self, items: ItemRange, advance: Callable[[int], None]) -> CollectedStats:
        """Return the statistics of a range of items."""
        lengths: dict[str, list[Ints]] = {}
        feature_lengths: dict[str, list[Ints]] = {}
        widths: dict[str, int] = {}
        moments: dict[str, Moments] = {}
        done = 0
        take_spelling()
        for shapes, batch in self._make_loader(items):
            for field in list(lengths or shapes[0]):
                widths.setdefault(field, math.prod(shapes[0][field][1:]))
                found = np.array([shape[field][0] for shape in shapes], dtype=np.int64)
                lengths.setdefault(field, []).append(found)
            at = items.start + done
            with no_early_end(f"the features of item {at} of {items.split} and those beside it"):
                extracted = self.extract(batch) if self.extract else {}
            for name, (value, frames) in extracted.items():
                new = compute_moments(value, frames)
                moments[name] = moments[name] + new if name in moments else new
                feature_lengths.setdefault(name, []).append(frames.cpu().numpy().astype(np.int64))
                widths[name] = len(new.sum)
            done += len(shapes)
            advance(len(shapes))
        if done != items.size:
            raise UserError(f"{done} of the {items.size} items of {items.split} were read")
        lengths |= feature_lengths
        joined = {name: np.concatenate(parts) for name, parts in lengths.items()}
        return CollectedStats(joined, widths, moments, take_spelling())

    def _make_loader(self, items: ItemRange) -> Iterable[tuple[list[Any], Batch]]:
        config = self.job.config
        return load_in_order(
            self.dataset,
            range(items.start, items.stop),
            config["collect_stats"]["batch_size"],
            config["dataloader"],
            self.job.seed,
            self.collate,
        )


def load_for_statistics(job: CollectionJob, split: str) -> SplitDataset:
    """Load a split as validation would see it: without the augmentation of training."""
    dataset = job.config["dataset"]
    node = dataset["preprocessor"]
    if split == "train" and (node is None or TARGET in node or node.get("valid")):
        return load_split(dataset, split, job.directories, preprocess_as="valid")
    return load_split(dataset, split, job.directories)


def collect_in_worker(job: CollectionJob, items: ItemRange) -> None:
    """Collect one range on a Dask worker; data set and model are kept for the next one."""
    if items.path.is_file():  # Dask repeats the tasks of a worker that died
        return
    use_threads(job.config["num_threads"])
    key = (repr(job), items.split)
    if key not in _COLLECTORS:
        _COLLECTORS.clear()
        _COLLECTORS[key] = StatsCollector(job, load_for_statistics(job, items.split))
    write_stats(items.path, _COLLECTORS[key].run(items, lambda _count: None))


_COLLECTORS: dict[tuple[str, str], StatsCollector] = {}


def write_stats(path: Path, found: CollectedStats) -> None:
    """Write the statistics of a range atomically."""
    arrays: dict[str, Any] = lengths_to_arrays(found.lengths, found.widths)
    for name, moments in found.moments.items():
        arrays |= {f"moments/{name}/{key}": value for key, value in moments.to_arrays().items()}
    unknown = found.spelling.unknown
    arrays["spelling/counts"] = [found.spelling.tokens, found.spelling.lost, *unknown.values()]
    arrays["spelling/unknown"] = np.array(list(unknown), dtype=np.str_)
    with atomic_file(path, "wb") as file:
        np.savez(file, allow_pickle=False, **arrays)


def read_stats(path: Path) -> CollectedStats:
    """Read the statistics of a range."""
    with np.load(path, allow_pickle=False) as file:
        arrays = dict(file)
    names = {name.split("/")[1] for name in arrays if name.startswith("moments/")}
    moments = {name: moments_from_arrays(arrays, f"moments/{name}/") for name in sorted(names)}
    tokens, lost, *counts = arrays["spelling/counts"].tolist()
    unknown = Counter(dict(zip(arrays["spelling/unknown"].tolist(), counts, strict=True)))
    return CollectedStats(*lengths_from_arrays(arrays), moments, Spelling(tokens, lost, unknown))


class _CollateWithShapes:
    """Collates, and keeps the shape of every field of every sample (a class: workers pickle it)."""

    def __init__(self, collate: Callable[[Any], tuple[list[str], Batch]]) -> None:
        self.collate = collate

    def __call__(
        self, items: Sequence[tuple[str, Mapping[str, Any]]]
    ) -> tuple[list[dict[str, tuple[int, ...]]], Batch]:
        shapes = [
            {field: np.shape(value) for field, value in sample.items() if np.ndim(value)}
            for _, sample in items
        ]
        return shapes, self.collate(items)[1]
