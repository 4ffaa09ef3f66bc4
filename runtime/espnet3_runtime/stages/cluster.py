"""The stage ``cluster``: k-means of features, and the label of every frame."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
import torch

from espnet3_runtime.atomic import atomic_directory, atomic_file
from espnet3_runtime.build.instantiate import instantiate
from espnet3_runtime.config import ConfigView
from espnet3_runtime.data.batching import Ints
from espnet3_runtime.data.dataset_entries import DatasetDirectories
from espnet3_runtime.data.feature_extractors import (
    Extract,
    extract_by_call,
    pick_device,
    require_extract_features,
)
from espnet3_runtime.data.frame_labels.kmeans import Clusters, assign_clusters, fit_clusters
from espnet3_runtime.data.frame_labels.label_files import SUFFIX, write_frame_labels
from espnet3_runtime.data.loader import load_in_order
from espnet3_runtime.data.split_dataset import SplitDataset, load_split
from espnet3_runtime.errors import UserError
from espnet3_runtime.inference.provider import from_checkpoint
from espnet3_runtime.process.dask_workers import use_threads
from espnet3_runtime.stage import Outputs, StageContext

Frames = Iterator[tuple[str, torch.Tensor]]
Read = Callable[[SplitDataset, Sequence[int]], Frames]


def cluster(context: StageContext) -> Outputs:
    """Group frames of the training set into clusters, and label every frame of train and valid.

    Features come from ``cluster.features``, a module called with the fields of its arguments'
    names, otherwise from the method ``extract_features`` of the model with the weights of
    ``cluster.checkpoint``, called in the same way and with ``layer``, where that is set.

    Outputs:
        labels: A directory with ``<split>.txt`` of lines ``utt_id 17 17 4 …``.
        centroids: ``centroids``, shape (clusters, width).

    Raises:
        UserError: There is nothing to extract features with, there are too few frames, or their
            numbers are not finite.
    """
    config = context.configs["training"]
    settings = config["cluster"]
    use_threads(config["num_threads"])
    directories = DatasetDirectories(context.recipe_dir, context.data_dir)
    extract = _make_extractor(context, settings, pick_device())
    read = partial(_read_frames, config, extract, context.seed)
    splits = {
        split: load_split(config["dataset"], split, directories, preprocess=False)
        for split in ("train", "valid")
        if config["dataset"][split]
    }
    found = _fit(context, settings, splits["train"], read)
    with atomic_file(context.outputs["centroids"], "wb") as file:
        np.savez(file, centroids=found.centroids.cpu().numpy())
    with atomic_directory(context.outputs["labels"]) as folder:
        for split, dataset in splits.items():
            items = read(dataset, range(len(dataset)))
            labelled = _label(context, split, items, len(dataset), found)
            write_frame_labels(folder / f"{split}{SUFFIX}", labelled)
    return {name: context.outputs[name] for name in ("labels", "centroids")}


def _make_extractor(context: StageContext, settings: ConfigView, device: torch.device) -> Extract:
    if settings["features"] is not None:
        features = settings["features"]
        return extract_by_call(instantiate(features), features.where, device)
    model = from_checkpoint(context.model, settings["checkpoint"], str(device))
    method = require_extract_features(model, settings.where)
    if settings["layer"] is not None:
        method = partial(method, layer=settings["layer"])
    return extract_by_call(method, settings.where, device)


def _read_frames(
    config: ConfigView,
    extract: Extract,
    seed: int,
    dataset: SplitDataset,
    items: Sequence[int],
) -> Frames:
    """Yield the id and the features of items, shape (frames, width)."""
    size = config["cluster"]["batch_size"]
    for utt_ids, batch in load_in_order(dataset, items, size, config["dataloader"], seed):
        feats, lengths = extract(batch)["feats"]
        for utt_id, frames, length in zip(utt_ids, feats, lengths.tolist(), strict=True):
            yield utt_id, frames[:length].float()


def _fit(context: StageContext, settings: ConfigView, train: SplitDataset, read: Read) -> Clusters:
    """Find the clusters of the frames of items that are drawn from the training set."""
    order = np.random.default_rng(context.seed).permutation(len(train)).tolist()
    most, count = settings["num_frames"], settings["num_clusters"]
    kept: list[torch.Tensor] = []
    total = 0
    with context.progress("reading frames", total=most) as bar:
        for _, frames in read(train, order):
            kept.append(frames)
            total += len(frames)
            bar.advance(len(frames))
            if total >= most:
                break
    frames = torch.cat(kept)[:most]
    if len(frames) < count:
        where = f"{settings.where}.num_clusters"
        raise UserError(f"{count} clusters of only {len(frames)} frames", where=where)
    if not frames.isfinite().all():
        raise UserError("features have numbers that are not finite", where=settings.where)
    found = fit_clusters(frames, count, passes=settings["max_passes"], seed=context.seed)
    variance = float(frames.var(0, correction=0).sum())
    share = 100 * (1 - found.distance / max(variance, 1e-12))
    context.log.info("%d passes over %d frames", found.passes, len(frames))
    context.result("clusters", count)
    context.result("variance explained", f"{share:.1f} %")
    return found


def _label(
    context: StageContext, split: str, items: Frames, total: int, found: Clusters
) -> Iterator[tuple[str, Ints]]:
    with context.progress(f"labelling {split}", total=total) as bar:
        for utt_id, frames in items:
            yield utt_id, assign_clusters(frames, found.centroids)[0].cpu().numpy()
            bar.advance()
