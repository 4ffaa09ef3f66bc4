"""Settings that are legal and have no effect.

Passes: ``scheduler_interval: epoch`` beside a ``scheduler``; ``batch_bins`` with ``type: numel``.
Fails: ``scheduler_interval: epoch`` without a scheduler; ``batch_bins`` with ``type: sorted``;
``{effects: [...], apply_prob: 0}``; ``model:`` of a ``measure`` stage; ``max_epochs: 0``.

A setting that a config inherits is told only if it is idle in every config that it reaches.
"""

import re
from collections.abc import Iterator

from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.manifest.lower import configs_in_role
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.manifest.stage_kinds import is_custom_kind, kind_spec, stage_kind
from espnet3_compiler.syntax.span_key import span_key, written_entry
from espnet3_compiler.syntax.tree import Entry, Mapping, Node, Scalar, Sequence, children, node_at

_PROBABILITY_KEY = re.compile(r"p|prob|probability|.*_prob")
_EFFECT_KEYS = ("effects", "transforms", "augmentations", "augments", "noises", "rirs")
SIZED_BATCHES = ("numel", "length")
"""Kinds of batches whose size is ``batch_bins``."""


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R801, R802, R803, R805 and R806."""
    yield from _check_stage_keys(recipe)
    training = [
        node
        for name, node in configs_in_role(recipe, resolved, "training")
        if resolved.is_certain(name)
    ]
    every = [pair for node in training for pair in _training_settings(node)]
    alive = {span_key(entry.key.span) for entry, finding in every if finding is None}
    for entry, finding in every:
        if finding and span_key(entry.key.span) not in alive:
            yield finding
    for node in (*resolved.configs.values(), *resolved.models.values()):
        yield from _check_probabilities(node)


JudgedSetting = tuple[Entry, Diagnostic | None]


def _training_settings(config: Mapping) -> Iterator[JudgedSetting]:
    """Yield the settings of a training config that may be idle, with a finding where they are."""
    yield from _scheduler_settings(config)
    for split in ("train", "valid"):
        block = node_at(config, ("dataloader", split))
        if isinstance(block, Mapping):
            yield from _batch_settings(block)
    trainer = config.get("trainer")
    for name in ("max_epochs", "max_steps", "limit_train_batches"):
        entry = written_entry(trainer, name) if isinstance(trainer, Mapping) else None
        if entry:
            zero = _numeric_value(entry.value) == 0
            yield (
                entry,
                _no_effect("R806", entry, f"{name} is 0: nothing is trained") if zero else None,
            )


def _scheduler_settings(config: Mapping) -> Iterator[JudgedSetting]:
    scheduler = config.get("scheduler")
    idle = isinstance(scheduler, Scalar) and scheduler.value is None
    for name in ("scheduler_interval", "scheduler_monitor"):
        entry = written_entry(config, name)
        if entry:
            finding = _no_effect("R801", entry, f"{name} has no effect without a scheduler")
            yield entry, finding if idle else None


def _batch_settings(block: Mapping) -> Iterator[JudgedSetting]:
    loader = written_entry(block, "loader")
    if loader:
        yield from _beside_loader(block, loader)
        return
    batches = written_entry(block, "batches")
    if batches is None or not isinstance(batches.value, Mapping):
        return
    sampler = written_entry(block, "sampler")
    if sampler:
        yield from _beside_sampler(batches.value, sampler)
        return
    kind = batches.value.get("type")
    if not isinstance(kind, Scalar) or not isinstance(kind.value, str) or "$" in kind.value:
        return
    bins = written_entry(batches.value, "batch_bins")
    least = written_entry(batches.value, "min_batch_size")
    counts = kind.value in SIZED_BATCHES
    if bins:
        message = f"batch_bins has no effect with type: {kind.value}"
        yield bins, None if counts else _no_effect("R803", bins, message)
    if least:
        message = "min_batch_size has no effect where batch_bins does not count"
        yield least, None if counts and bins else _no_effect("R803", least, message)


def _beside_loader(block: Mapping, loader: Entry) -> Iterator[JudgedSetting]:
    """Yield what a loader of the recipe's own decides itself: all of it."""
    for name in ("batches", "sampler"):
        entry = written_entry(block, name)
        if entry:
            message = f"{name} has no effect beside a loader"
            yield entry, _no_effect("R803", entry, message, Label(loader.key.span, "the loader"))


def _beside_sampler(batches: Mapping, sampler: Entry) -> Iterator[JudgedSetting]:
    """Yield what a sampler decides itself; one that gives single items leaves their number."""
    for entry in batches:
        if entry.name not in ("batch_size", "drop_last") and written_entry(batches, entry.name):
            message = f"{entry.name} has no effect beside a sampler"
            yield entry, _no_effect("R803", entry, message, Label(sampler.key.span, "the sampler"))


def _no_effect(code: str, entry: Entry, message: str, *related: Label) -> Diagnostic:
    hints = {
        "R801": "add a scheduler, or remove the key",
        "R803": f"use type: {' or '.join(SIZED_BATCHES)}, or remove the key",
        "R806": "write how long to train; -1 is no limit",
    }
    hint = "remove one of them" if related else hints[code]
    return Diagnostic(code, message, Label(entry.key.span, "no effect"), related, (hint,))


def _check_probabilities(node: Node) -> Iterator[Diagnostic]:
    for _, child in children(node):
        yield from _check_probabilities(child)
    if isinstance(node, Mapping):
        effects = next((found for name in _EFFECT_KEYS if (found := node.entry(name))), None)
        if effects and isinstance(effects.value, Sequence) and effects.value.items:
            for entry in node:
                if _PROBABILITY_KEY.fullmatch(entry.name) and _numeric_value(entry.value) == 0:
                    yield _never_applied(entry, effects)


def _never_applied(entry: Entry, effects: Entry) -> Diagnostic:
    return Diagnostic(
        code="R802",
        message=f"{entry.name} is 0: the {effects.name} are never applied",
        primary=Label(entry.value.span, "never"),
        related=(Label(effects.key.span, "listed here"),),
        help=(f"write a probability above 0, or remove {effects.name}",),
    )


def _numeric_value(node: Node) -> float | None:
    value = node.value if isinstance(node, Scalar) else None
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _check_stage_keys(recipe: Recipe) -> Iterator[Diagnostic]:
    """Report ``model`` and ``init_from`` of stages whose kind does not use them."""
    for stage in recipe.stages:
        kind = stage_kind(stage)
        if kind is None or is_custom_kind(stage, recipe) or not isinstance(stage.node, Mapping):
            continue
        idle = {"model": kind_spec(stage)["model"] == "none", "init_from": kind != "train"}
        for name, is_idle in idle.items():
            entry = stage.node.entry(name)
            if entry and is_idle:
                yield Diagnostic(
                    code="R805",
                    message=f'{name} has no effect in stage "{stage.name.value}"',
                    primary=Label(entry.key.span, f"{kind} does not use it"),
                    help=("remove the key",),
                )
