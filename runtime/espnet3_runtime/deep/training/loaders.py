"""The batches of a split: those of a loader of the recipe's own, or the plan of the runtime's."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch

from espnet3_runtime.config import ConfigView
from espnet3_runtime.data.batches.chunks import make_chunk_dataset
from espnet3_runtime.data.item_lengths import find_all_lengths
from espnet3_runtime.data.loader import (
    DataParallelRank,
    make_loader,
    needs_categories,
    needs_lengths,
    plan_by_lengths,
)
from espnet3_runtime.data.sampler import Clock
from espnet3_runtime.data.split_dataset import SplitDataset
from espnet3_runtime.deep.forward import make_batch
from espnet3_runtime.deep.items.samples import Items
from espnet3_runtime.deep.stage_probe import StageProbe
from espnet3_runtime.errors import UserError, did_you_mean
from espnet3_runtime.preflight.origin.error_origin import FAILURES
from espnet3_runtime.preflight.protocol import UnprobedError
from espnet3_runtime.training.forward_inputs import split_batch

_LARGEST = 4_000_000
"""Numbers of a field of a batch that is tried on one core."""

_MANY = 5_000
_IN_THIS_PROCESS: Mapping[str, Any] = {
    "num_workers": 0,
    "prefetch_factor": None,
    "persistent_workers": False,
    "multiprocessing_context": None,
    "timeout": 0,
}
"""What a ``torch.utils.data.DataLoader`` takes without processes of its own."""


def read_batch(probe: StageProbe, config: ConfigView, items: Items, split: str) -> dict[str, Any]:
    """Return the fields of a batch of items, as the loader of a split makes it.

    Args:
        probe: The stage.
        config: Its training config.
        items: Samples of the split.
        split: ``train`` or ``valid``.

    Raises:
        FoundError: A loader, sampler or collate function is wrong (R903, R909), or no batch is
            left.
        UnprobedError: A loader of the recipe's own has no data, or items are made up and fail.
    """
    block = config["dataloader"][split]
    own = block["loader"] is not None
    if own and items.dataset is None:
        raise UnprobedError(
            f'"{probe.stage.name}": {block["loader"].where} makes the batches, and there are no '
            "data for it"
        )
    if items.dataset is not None and (own or block["sampler"] is not None):
        loader = _make_loader(probe, config, items.dataset, split)
        if own:
            return _first_batch(probe, block["loader"], loader)
    elif items.dataset is not None:
        _check_plan(probe, block["batches"], items)
    if block["batches"]["type"] == "chunk" and not own and block["sampler"] is None:
        items = _cut_items(probe, block["batches"], items)
    return make_batch(probe, config, items)


def batches_of_epoch(probe: StageProbe, config: ConfigView, items: Items) -> int | None:
    """Return the batches of an epoch of training; None where counting them takes items or a loader.

    Args:
        probe: The stage.
        config: Its training config.
        items: Items of the training split.
    """
    block, dataset = config["dataloader"]["train"], items.dataset
    if block["loader"] is not None or block["sampler"] is not None:
        return None
    if block["num_iters_per_epoch"]:
        return int(block["num_iters_per_epoch"])
    if dataset is None or not items.whole:
        return None
    batches, lengths = block["batches"], None
    if batches["type"] not in ("sorted", "unsorted"):
        collected = any(stage.run == "collect_stats" for stage in probe.request.stages)
        if collected or needs_categories(batches) or len(dataset) > _MANY:
            return None
        lengths = find_all_lengths(dataset, batches["length_key"], None)[0]
        if lengths is None:
            return None
    return len(plan_by_lengths(dataset, batches, lengths, logging.getLogger(__name__)))


def _cut_items(probe: StageProbe, batches: ConfigView, items: Items) -> Items:
    """Return the first window of each item; made-up items stay whole.

    Raises:
        FoundError: A field has a length of its own (R909).
    """
    if items.dataset is None:
        return items
    chunks = make_chunk_dataset(items.dataset, batches)
    location = probe.locate(batches.where)
    probe.answers.step(location, "cutting a chunk")
    try:
        samples = [(name, chunks.cut(name, sample, 0)) for name, sample in items.samples]
    except FAILURES as error:
        raise probe.failure(error, "R909", location, at=getattr(error, "where", "")) from error
    return replace(items, samples=samples)


def _make_loader(probe: StageProbe, config: ConfigView, dataset: SplitDataset, split: str) -> Any:
    """Construct the loader or sampler of a split, without processes that read ahead."""
    block = config["dataloader"][split]
    key = "loader" if block["loader"] is not None else "sampler"
    node = block[key]
    own = _IN_THIS_PROCESS if "num_workers" in node else {}
    plain = {name: own.get(name, value) for name, value in node.items()}
    changed = ConfigView({**block, key: ConfigView(plain, node.where)}, block.where)
    values = {**config["dataloader"], "num_workers": 0, "pin_memory": False, split: changed}
    location = probe.locate(node.where)
    probe.answers.step(location, f"constructing the {key}")
    try:
        return make_loader(
            dataset,
            split,
            ConfigView(values, config["dataloader"].where),
            shapes=None,
            clock=Clock(0),
            rank=DataParallelRank(),
            log=logging.getLogger(__name__),
        )
    except FAILURES as error:
        raise probe.construction_failure(error, location) from error


def _first_batch(probe: StageProbe, node: ConfigView, loader: Any) -> dict[str, Any]:
    location = probe.locate(node.where)
    probe.answers.step(location, "taking a batch of the loader")
    try:
        batch = next(iter(loader.loader), None)
        if batch is None:
            raise UserError(f"{node['_target_']} gives no batch", where=node.where)
        fields = split_batch(batch)[1]
    except FAILURES as error:
        raise probe.failure(error, "R909", location) from error
    sizes = [value.numel() for value in fields.values() if isinstance(value, torch.Tensor)]
    if max(sizes, default=0) > _LARGEST:
        raise UnprobedError(f'"{probe.stage.name}": the batches of {node.where} are large')
    return fields


def _check_plan(probe: StageProbe, batches: ConfigView, items: Items) -> None:
    """Report R909 where no batch is left of the data, or a field has no lengths."""
    assert items.dataset is not None
    counts = needs_lengths(batches)
    keys, fields = batches["length_key"], list(items.samples[0][1])
    absent = [key for key in ([keys] if isinstance(keys, str) else keys) if key not in fields]
    collected = any(stage.run == "collect_stats" for stage in probe.request.stages)
    location = probe.locate(batches.where)
    probe.answers.step(location, "planning the batches")
    many = len(items.dataset) > _MANY  # their lengths may take long
    if many and (counts or needs_categories(batches)):
        return
    try:
        lengths = None if many else find_all_lengths(items.dataset, keys, None)[0]
        if counts and lengths is None and absent:
            raise UserError(
                f'batches are filled by the length of "{absent[0]}", which no item has',
                where=f"{batches.where}.length_key",
                hint=did_you_mean(absent[0], fields),
            )
        if not counts or lengths is not None or not collected:
            log = logging.getLogger(__name__)
            plan_by_lengths(items.dataset, batches, lengths, log)
    except FAILURES as error:
        drops = str(error).startswith("drop_last")
        where = f"{batches.where}.drop_last" if drops else ""
        raise probe.failure(error, "R909", location, at=where) from error
