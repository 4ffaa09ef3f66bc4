"""Data sets whose epochs have no known length: streams, and those that are read shard by shard.

Passes: ``class Dataset(torch.utils.data.IterableDataset)`` in ``dataset.train`` of a train stage.
Fails: the same beside ``type: numel``, beside a ``sampler``, ``val_check_interval: 0.5`` or
``OneCycleLR`` without ``max_steps``, or in ``dataset.test`` of a stage ``infer``.
The shards of a data set with ``total_shards`` have lengths and numbers of their own.
"""

from collections.abc import Iterator

from espnet3_compiler.checks.data.bodies import dataset_class, entries_of
from espnet3_compiler.checks.findings import value_finding
from espnet3_compiler.checks.targets.datasets import (
    DatasetEntry,
    dataset_entries,
    entry_span,
)
from espnet3_compiler.checks.training.monitors import scheduler_blocks
from espnet3_compiler.checks.training.no_effect import LENGTH_BATCHES, whole_number
from espnet3_compiler.checks.training.schedules import wants_steps
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.manifest.recipe import Recipe, Resolved, StageDecl
from espnet3_compiler.manifest.stage_kinds import sample_readers, stage_kind, stages_of_kind
from espnet3_compiler.signature import definitions, resolve_name
from espnet3_compiler.signature.classes import attributes_of
from espnet3_compiler.signature.definitions import ClassFound
from espnet3_compiler.signature.library import Library
from espnet3_compiler.stage_graph.stage_inputs import certain_config
from espnet3_compiler.syntax.span_key import first_per_location, written_entry
from espnet3_compiler.syntax.tree import Mapping, Scalar, is_null, node_at
from espnet3_schemas import TARGET

_BASES = (
    *("torch.utils.data.IterableDataset", "torch.utils.data.dataset.IterableDataset"),
    *("torch.utils.data.IterDataPipe", "datasets.IterableDataset", "webdataset.WebDataset"),
)
_IN_ORDER = "gives its samples one after another"
_BY_SHARDS = "gives a shard in each epoch"
_SORTS = ("sorted", *LENGTH_BATCHES)
_SHARES = {
    "train": ("limit_train_batches", "overfit_batches", "val_check_interval"),
    "valid": ("limit_val_batches",),
}
"""Settings of the trainer that may be a share of an epoch, by the split whose length it is of."""


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R424 and R415 for settings that a stream cannot serve, R425 for other stages."""
    found: list[Diagnostic] = []
    for stage in stages_of_kind("train", recipe):
        config = certain_config(stage, "training", resolved)
        for split in ("train", "valid") if config else ():
            assert config is not None
            entries = dataset_entries(recipe.library, config, certain=True, splits=(split,))
            stream = next((data for data in entries if is_stream_entry(data)), None)
            shards = next((data for data in entries if is_sharded_entry(data)), None)
            if stream is not None:
                label = Label(entry_span(stream), "a stream of samples")
                found += _check_batches(config, split, label)
                found += _check_lengths(config, split, label, _IN_ORDER, recipe)
            elif shards is not None and split == "train":
                label = Label(entry_span(shards), "a shard an epoch")
                found += _check_epochs(config, label)
                found += _check_lengths(config, split, label, _BY_SHARDS, recipe)
    for stage in recipe.stages:
        if stage_kind(stage) in sample_readers().keys() - {"train"}:  # those by number
            found += _check_stage(stage, recipe, resolved)
    yield from first_per_location(found)


def is_stream_entry(data: DatasetEntry) -> bool:
    """Return whether the data set of an entry is certainly a stream of samples."""
    found = dataset_class(data)
    return found is not None and is_stream(data.library, found)


def is_stream(library: Library, found: ClassFound) -> bool:
    """Return whether a class certainly gives samples in order, and none by number."""
    order = resolve_name.resolution_order(library, found)
    classes = [one for one in order if isinstance(one, ClassFound)]
    for one in classes:
        names = [
            definitions.full_name(library, one.location, name) for name in one.summary.bases if name
        ]
        if any(name in _BASES for name in names):
            return True
    known = attributes_of(library, found)
    seen = len(classes) == len(order) and not any(one.summary.open for one in classes)
    return seen and "__iter__" in known and not {"__getitem__", "__getattr__"} & set(known)


def is_sharded_entry(data: DatasetEntry) -> bool:
    """Return whether the data set of an entry certainly gives parts of itself."""
    found = dataset_class(data)
    return found is not None and is_sharded(data.library, found)


def is_sharded(library: Library, found: ClassFound) -> bool:
    """Return whether a class has a method ``shard``, and a number of shards that its code sets."""
    if "shard" not in attributes_of(library, found):
        return False
    order = resolve_name.resolution_order(library, found)
    files = [library.file(one.location) for one in order if isinstance(one, ClassFound)]
    return any(file is not None and "total_shards" in file.text.text for file in files)


def _check_lengths(
    config: Mapping, split: str, label: Label, reason: str, recipe: Recipe
) -> Iterator[Diagnostic]:
    """Report settings for an epoch of a known length.

    Args:
        config: The training config.
        split: ``train`` or ``valid``.
        label: The data set.
        reason: Why the length is not known.
        recipe: The recipe.
    """
    yield from _check_shares(config, split, label, reason)
    if split == "train":
        yield from _check_schedules(config, label, reason, recipe)


def _check_epochs(config: Mapping, label: Label) -> Iterator[Diagnostic]:
    """Report an epoch of so many batches, where it is a shard."""
    block = node_at(config, ("dataloader", "train"))
    epoch = written_entry(block, "num_iters_per_epoch") if isinstance(block, Mapping) else None
    own = isinstance(block, Mapping) and written_entry(block, "loader")
    if epoch and not own and not is_null(epoch.value):
        yield value_finding(
            "R415",
            f"{epoch.name} goes on where an epoch ended, and the data set {_BY_SHARDS}",
            epoch.value,
            "an epoch is a shard",
            related=(label,),
            advice=("write trainer.limit_train_batches, or choose another total_shards",),
        )


def _check_batches(config: Mapping, split: str, label: Label) -> Iterator[Diagnostic]:
    block = node_at(config, ("dataloader", split))
    if not isinstance(block, Mapping):
        return
    own = [entry for name in ("loader", "sampler") if (entry := written_entry(block, name))]
    for entry in own:
        yield value_finding(
            "R415",
            f'"dataloader.{split}.{entry.name}" reads items by their number, and the data set '
            f"{_IN_ORDER}",
            entry.value,
            "no numbers",
            related=(label,),
            advice=(f"remove the {entry.name}; batches: {{batch_size: …}} takes them in order",),
        )
    epoch = written_entry(block, "num_iters_per_epoch")
    if epoch and not own and not is_null(epoch.value):
        yield value_finding(
            "R415",
            f"{epoch.name} goes on where an epoch ended, and the data set {_IN_ORDER}, from the "
            "first on in each epoch",
            epoch.value,
            "no numbers",
            related=(label,),
            advice=("write trainer.limit_train_batches, and draw from all data in the Dataset",),
        )
    batches = block.get("batches")
    kind = written_entry(batches, "type") if isinstance(batches, Mapping) and not own else None
    if kind and isinstance(kind.value, Scalar) and kind.value.value == "category":
        yield value_finding(
            "R415",
            f"batches of type: category draw items by their number, and the data set {_IN_ORDER}",
            kind.value,
            "no numbers",
            related=(label,),
            advice=("write type: unsorted, and balance the data in the Dataset",),
        )
    if kind and isinstance(kind.value, Scalar) and kind.value.value in _SORTS:
        yield value_finding(
            "R424",
            f'"dataloader.{split}.batches" with type: {kind.value.value} needs the length of every '
            f"item, and the data set {_IN_ORDER}",
            kind.value,
            "no lengths",
            related=(label,),
            advice=("write type: unsorted, and batch_size",),
        )


def _check_shares(config: Mapping, split: str, label: Label, reason: str) -> Iterator[Diagnostic]:
    for name in _SHARES[split]:
        node = node_at(config, ("trainer", name))
        if isinstance(node, Scalar) and isinstance(node.value, float) and 0 < node.value < 1:
            yield value_finding(
                "R415",
                f'"trainer.{name}" is {node.value}, a share of an epoch, and how many batches an '
                f"epoch has is not known: the data set {reason}",
                node,
                "a share of what?",
                related=(label,),
                advice=("write an integer, a number of batches",),
            )


def _check_schedules(
    config: Mapping, label: Label, reason: str, recipe: Recipe
) -> Iterator[Diagnostic]:
    """Report schedules over all steps of a training whose epochs have no known length."""
    steps = node_at(config, ("trainer", "max_steps"))
    if steps is not None and not is_null(steps) and whole_number(steps) != -1:
        return
    for block, _, _ in scheduler_blocks(config):
        node = block.get("scheduler")
        target = node.get(TARGET) if isinstance(node, Mapping) else None
        if not isinstance(node, Mapping) or not isinstance(target, Scalar):
            continue
        if wants_steps(node, target, recipe.library):
            name = str(target.value).rpartition(".")[2]
            yield value_finding(
                "R415",
                f"{name} needs the number of steps, and how many an epoch has is not known: the "
                f"data set {reason}",
                target,
                "no total_steps",
                related=(label,),
                advice=("write trainer.max_steps, or total_steps: at the scheduler",),
            )


def _check_stage(stage: StageDecl, recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    for data in entries_of(stage, recipe, resolved):
        if is_stream_entry(data):
            kind = stage_kind(stage)
            yield Diagnostic(
                "R425",
                f'the data set {_IN_ORDER}, and stage "{stage.name.value}" reads them by number',
                Label(entry_span(data), f"not for {kind}"),
                related=(Label(stage.name.span, "this stage"),),
                help=("only train reads such data: give the Dataset __len__ and __getitem__",),
            )
