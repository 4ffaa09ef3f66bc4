"""Settings that are allowed and have no effect.

Passes: ``scheduler_interval: epoch`` beside a ``scheduler``; ``batch_bins`` with ``type: numel``.
Fails: ``scheduler_interval: epoch`` without a scheduler; ``batch_bins`` with ``type: sorted``;
``model:`` of a ``measure`` stage; ``max_epochs: 0``.

A setting that several configs inherit is reported only if it has no effect in any of them.
"""

from collections.abc import Iterable, Iterator

from espnet3_compiler.checks.training.probabilities import is_zero
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.manifest.lower import configs_in_role
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.manifest.stage_kinds import is_custom_kind, stage_kind
from espnet3_compiler.manifest.values import text_of
from espnet3_compiler.stage_graph.lightning_models import self_trained_configs
from espnet3_compiler.syntax.span_key import SpanKey, span_key, written_entry
from espnet3_compiler.syntax.tree import Entry, Mapping, Node, Scalar, Sequence, is_null, node_at

SIZED_BATCHES = ("numel", "length")
"""Kinds of batches whose size is always ``batch_bins``."""
LENGTH_BATCHES = (*SIZED_BATCHES, "folded", "chunk")
"""Kinds of batches that need the length of every item."""

_READ_BY = {
    "batch_bins": (*SIZED_BATCHES, "category"),
    "length_key": ("sorted", "unsorted", *LENGTH_BATCHES),
    "fold_lengths": ("folded",),
    **dict.fromkeys(
        ("chunk_length", "chunk_shift_ratio", "chunk_excluded_keys", "chunk_short_samples"),
        ("chunk",),
    ),
    "category_key": ("category", "folded"),
    **dict.fromkeys(("category_power", "dataset_power", "epoch_factor"), ("category",)),
}
"""Settings of batches, by the types that read them."""

_START_HELP = (
    "only training stages start from weights; the others read a checkpoint of their config,"
    ' for example "${stages.train.best_checkpoint}"'
)

JudgedSetting = tuple[Entry, Diagnostic | None]
"""A setting, with a finding where it has no effect."""


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R801, R803, R805 and R806."""
    yield from _check_stage_keys(recipe)
    own_steps = self_trained_configs(recipe, resolved)
    training = [
        (node, name in own_steps)
        for name, node in configs_in_role(recipe, resolved, "training")
        if resolved.is_certain(name)
    ]
    settings = [
        setting for node, own in training for setting in _training_settings(node, own_steps=own)
    ]
    yield from idle_settings(settings)


def idle_settings(judged: list[JudgedSetting]) -> Iterator[Diagnostic]:
    """Yield the findings of settings that have no effect in any of the configs that read them.

    A config that extends another one and writes a value anew has a setting of its own.
    """
    effective = {_place_of(entry) for entry, finding in judged if finding is None}
    for entry, finding in judged:
        if finding and _place_of(entry) not in effective:
            yield finding


def _place_of(entry: Entry) -> tuple[SpanKey, SpanKey]:
    return span_key(entry.key.span), span_key(entry.value.span)


def _training_settings(config: Mapping, *, own_steps: bool) -> Iterator[JudgedSetting]:
    """Yield the settings of a training config that may have no effect."""
    scheduler = config.get("scheduler")
    unused = isinstance(scheduler, Scalar) and scheduler.value is None
    for name in () if own_steps else ("scheduler_interval", "scheduler_monitor"):
        if entry := written_entry(config, name):
            message = f"{name} has no effect without a scheduler"
            yield entry, _no_effect("R801", entry, message) if unused else None
    for split in ("train", "valid"):
        block = node_at(config, ("dataloader", split))
        if isinstance(block, Mapping):
            data = node_at(config, ("dataset", split))
            alone = isinstance(data, Sequence) and len(data.items) == 1
            yield from _batch_settings(block, alone=alone)
    trainer = config.get("trainer")
    for name in ("max_epochs", "max_steps", "limit_train_batches"):
        entry = written_entry(trainer, name) if isinstance(trainer, Mapping) else None
        if entry:
            finding = _no_effect("R806", entry, f"{name} is 0: nothing is trained")
            yield entry, finding if is_zero(entry.value) else None


def is_filled(batches: Mapping) -> bool:
    """Return whether batches are filled up to ``batch_bins``."""
    kind = text_of(batches.get("type"))
    return kind in SIZED_BATCHES or (kind == "category" and not is_null(batches.get("batch_bins")))


def _batch_settings(block: Mapping, *, alone: bool) -> Iterator[JudgedSetting]:
    """Yield the settings of the batches of a split.

    Args:
        block: Its loader.
        alone: Whether the split is one data set.
    """
    loader, sampler = written_entry(block, "loader"), written_entry(block, "sampler")
    batches = written_entry(block, "batches")
    epoch = written_entry(block, "num_iters_per_epoch")
    if loader:  # of the recipe: it decides all of this itself
        found = [batches, sampler, epoch]
        yield from _replaced_settings(filter(None, found), loader)
        return
    if sampler and epoch and not (batches and isinstance(batches.value, Mapping)):
        yield from _replaced_settings([epoch], sampler)
    if batches is None or not isinstance(batches.value, Mapping):
        return
    if sampler:  # one that gives single items leaves their number to the loader
        kept = ("batch_size", "drop_last")
        names = [entry.name for entry in batches.value if entry.name not in kept]
        found = [written_entry(batches.value, name) for name in names]
        yield from _replaced_settings(filter(None, [*found, epoch]), sampler)
        return
    kind = batches.value.get("type")
    if not isinstance(kind, Scalar) or not isinstance(kind.value, str) or "$" in kind.value:
        return
    for name, kinds in _READ_BY.items():
        if entry := written_entry(batches.value, name):
            message = f"{name} has no effect with type: {kind.value}"
            hint = f"use type: {' or '.join(kinds)}, or remove the key"
            idle = _no_effect("R803", entry, message, hint=hint)
            used = kind.value in kinds or (name == "length_key" and is_filled(batches.value))
            if used and name == "dataset_power" and alone and not is_null(entry.value):
                message = f"{name} has no effect with one data set in dataset.train"
                idle = _no_effect("R803", entry, message, hint="remove the key, or list others")
                used = False
            yield entry, None if used else idle
    if least := written_entry(batches.value, "min_batch_size"):
        message = "min_batch_size has no effect where batch_bins does not count"
        bins = written_entry(batches.value, "batch_bins")
        counts = (is_filled(batches.value) and bins) or kind.value == "folded"
        yield least, None if counts else _no_effect("R803", least, message)


def _replaced_settings(entries: Iterable[Entry], by: Entry) -> Iterator[JudgedSetting]:
    """Yield settings that have no effect beside a loader or sampler of the recipe."""
    for entry in entries:
        message = f"{entry.name} has no effect beside a {by.name}"
        yield entry, _no_effect("R803", entry, message, Label(by.key.span, f"the {by.name}"))


def _no_effect(
    code: str, entry: Entry, message: str, *related: Label, hint: str = ""
) -> Diagnostic:
    hints = {
        "R801": "add a scheduler, or remove the key",
        "R803": f"use type: {' or '.join(SIZED_BATCHES)}, or remove the key",
        "R806": "write how long to train; -1 is no limit",
    }
    hint = "remove one of them" if related else hint or hints[code]
    return Diagnostic(code, message, Label(entry.key.span, "no effect"), related, (hint,))


def whole_number(node: Node | None) -> int | None:
    """Return the number that a node is, where it is a whole one."""
    value = node.value if isinstance(node, Scalar) else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _check_stage_keys(recipe: Recipe) -> Iterator[Diagnostic]:
    """Report ``model`` and ``init_from`` of stages whose kind does not use them."""
    for stage in recipe.stages:
        kind = stage_kind(stage)
        if kind is None or is_custom_kind(stage, recipe) or not isinstance(stage.node, Mapping):
            continue
        unused = {"model": stage.spec["model"] == "none", "init_from": kind != "train"}
        for name, has_no_use in unused.items():
            entry = stage.node.entry(name)
            if entry and has_no_use:
                start = name == "init_from" and isinstance(entry.value, Scalar)
                yield Diagnostic(
                    code="R805",
                    message=f'{name} has no effect in stage "{stage.name.value}"',
                    primary=Label(entry.key.span, f"{kind} does not use it"),
                    help=(_START_HELP if start else "remove the key",),
                )
