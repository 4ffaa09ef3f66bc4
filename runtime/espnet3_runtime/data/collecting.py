"""Collect lengths and feature statistics of a stretch of a split: what one worker does."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from espnet3_runtime.atomic import atomic_file
from espnet3_runtime.config import ConfigView
from espnet3_runtime.data.batching import Ints
from espnet3_runtime.data.carry import carried, loader_workers, unpack
from espnet3_runtime.data.extract import Batch, Features, make_extract, pick_device
from espnet3_runtime.data.loader import make_collate
from espnet3_runtime.data.moments import Moments, moments_from, moments_of
from espnet3_runtime.data.patient import PatientLoader
from espnet3_runtime.data.reference import Place
from espnet3_runtime.data.sampler import Clock, SeedItem, SeedWorker
from espnet3_runtime.data.split import SplitDataset, load_split
from espnet3_runtime.threads import use_threads
from espnet3_schemas import TARGET


@dataclass(frozen=True)
class Job:
    """What every worker needs; plain data that travels.

    Attributes:
        config: The training config.
        model: The model node, when the stage has one.
        place: Directories for the data sets.
        seed: Seed of what is random in transforms and preprocessors.
    """

    config: ConfigView
    model: ConfigView | None
    place: Place
    seed: int


@dataclass(frozen=True)
class Stretch:
    """Items ``start`` to ``stop`` of a split, and the file for what was found there."""

    split: str
    start: int
    stop: int
    path: Path

    @property
    def size(self) -> int:
        """Number of items."""
        return self.stop - self.start


@dataclass(frozen=True)
class Found:
    """Lengths of every item of a stretch, by field, and the moments of every feature."""

    lengths: Mapping[str, Ints]
    widths: Mapping[str, int]
    moments: Mapping[str, Moments]


class Collector:
    """Reads items of one split and extracts their features.

    Attributes:
        dataset: The split.
    """

    def __init__(self, job: Job, dataset: SplitDataset) -> None:
        self.job = job
        self.dataset = dataset
        self.device = pick_device()
        self.extract = make_extract(job.config["collect_stats"]["features"], job.model, self.device)
        self.collate = _CollateWithShapes(make_collate(job.config["dataloader"]))

    def run(self, stretch: Stretch, advance: Callable[[int], None]) -> Found:
        """Return what a stretch holds."""
        shapes: list[Mapping[str, tuple[int, ...]]] = []
        feats: dict[str, list[Ints]] = {}
        moments: dict[str, Moments] = {}
        widths: dict[str, int] = {}
        for more, batch in map(unpack, self._loader(stretch)):
            shapes.extend(more)
            for name, (value, lengths) in self._features(batch).items():
                new = moments_of(value, lengths)
                moments[name] = moments[name] + new if name in moments else new
                feats.setdefault(name, []).append(lengths.cpu().numpy().astype(np.int64))
                widths[name] = len(new.sum)
            advance(len(more))
        lengths_of, widths_of = _columns(shapes)
        lengths_of |= {name: np.concatenate(parts) for name, parts in feats.items()}
        return Found(lengths_of, {**widths_of, **widths}, moments)

    def _features(self, batch: Batch) -> Features:
        if self.extract is None:
            return {}
        with torch.inference_mode():
            return self.extract({key: value.to(self.device) for key, value in batch.items()})

    def _loader(self, stretch: Stretch) -> Iterable[tuple[list[Any], Batch]]:
        config = self.job.config
        size = config["collect_stats"]["batch_size"]
        indices = range(stretch.start, stretch.stop)
        workers = loader_workers(config["dataloader"]["num_workers"])
        if workers == 0:
            self.dataset.before_item = SeedItem(self.job.seed, 0)
        dataset, collate = carried(self.dataset, self.collate, workers)
        return PatientLoader(
            dataset,
            batch_sampler=[list(indices[at : at + size]) for at in range(0, len(indices), size)],
            collate_fn=collate,
            num_workers=workers,
            worker_init_fn=SeedWorker(Clock(self.job.seed)),
            generator=torch.Generator().manual_seed(self.job.seed),
        )


def load_for_statistics(job: Job, split: str) -> SplitDataset:
    """Load a split as validation would see it: without the augmentation of training."""
    dataset = job.config["dataset"]
    node = dataset["preprocessor"]
    if split == "train" and (node is None or TARGET in node or node.get("valid")):
        return load_split(dataset, split, job.place, preprocess_as="valid")
    return load_split(dataset, split, job.place)


def collect_in_worker(job: Job, stretch: Stretch) -> None:
    """Collect one stretch on a Dask worker; data set and model are kept for the next one."""
    if stretch.path.is_file():  # Dask asks again for what a worker had done that died later
        return
    use_threads(job.config["num_threads"])
    key = (repr(job), stretch.split)
    if key not in _COLLECTORS:
        _COLLECTORS.clear()
        _COLLECTORS[key] = Collector(job, load_for_statistics(job, stretch.split))
    write_found(stretch.path, _COLLECTORS[key].run(stretch, lambda _count: None))


_COLLECTORS: dict[tuple[str, str], Collector] = {}


def write_found(path: Path, found: Found) -> None:
    """Write the result of a stretch whole."""
    arrays: dict[str, Any] = {}
    for field, lengths in found.lengths.items():
        arrays[f"lengths/{field}"] = lengths
        arrays[f"widths/{field}"] = np.array(found.widths[field])
    for name, moments in found.moments.items():
        arrays |= {f"moments/{name}/{key}": value for key, value in moments.arrays().items()}
    with atomic_file(path, "wb") as file:
        np.savez(file, allow_pickle=False, **arrays)


def read_found(path: Path) -> Found:
    """Read the result of a stretch."""
    with np.load(path, allow_pickle=False) as file:
        arrays = dict(file)
    fields = [name.removeprefix("lengths/") for name in arrays if name.startswith("lengths/")]
    names = {name.split("/")[1] for name in arrays if name.startswith("moments/")}
    return Found(
        lengths={field: arrays[f"lengths/{field}"] for field in fields},
        widths={field: int(arrays[f"widths/{field}"]) for field in fields},
        moments={name: moments_from(arrays, f"moments/{name}/") for name in sorted(names)},
    )


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


def _columns(
    shapes: Sequence[Mapping[str, tuple[int, ...]]],
) -> tuple[dict[str, Ints], dict[str, int]]:
    fields = list(shapes[0])
    lengths = {
        field: np.array([shape[field][0] for shape in shapes], dtype=np.int64) for field in fields
    }
    return lengths, {field: int(np.prod(shapes[0][field][1:])) for field in fields}
