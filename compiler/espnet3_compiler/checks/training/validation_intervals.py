"""Validation after more batches than an epoch has, which Lightning refuses.

Passes: ``val_check_interval: 50`` with ``limit_train_batches: 100``; with
``check_val_every_n_epoch: null``, by which the batches of all epochs count.
Fails: ``val_check_interval: 500`` with ``num_iters_per_epoch: 100``.

Where only the data tell how many batches there are, ``--deep`` says it.
"""

from collections.abc import Iterator

from espnet3_compiler.checks.findings import value_finding
from espnet3_compiler.checks.training.no_effect import whole_number
from espnet3_compiler.checks.training.probabilities import is_zero
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.stage_graph.stage_inputs import certain_configs
from espnet3_compiler.syntax.placeholder import has_certain_keys
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.span_key import first_per_location, written_entry
from espnet3_compiler.syntax.tree import Entry, Mapping, Node, is_null, node_at


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R415."""
    configs = certain_configs("train", "training", recipe, resolved)
    yield from first_per_location(
        found for config in configs if (found := refused_interval(config))
    )


def refused_interval(config: Mapping) -> Diagnostic | None:
    """Return R415 for a training that validates after more batches than its epochs have."""
    trainer = config.get("trainer")
    entry, every = number_at(trainer, "val_check_interval")
    most = most_batches(config)
    if entry is None or most is None or every <= most[1] or not isinstance(trainer, Mapping):
        return None
    epochs = trainer.entry("check_val_every_n_epoch")
    by_all = (epochs and is_null(epochs.value)) or is_zero(trainer.get("limit_val_batches"))
    if by_all or written_entry(trainer, "fast_dev_run") or not has_certain_keys(trainer):
        return None
    hint = f"write at most {most[1]}, or check_val_every_n_epoch: null, by which all batches count"
    return value_finding(
        "R415",
        f"Lightning refuses val_check_interval: {every}, as an epoch has at most {most[1]} batches",
        entry.value,
        "more batches than an epoch has",
        related=(Label(use_location(most[0].value), most[0].name),),
        advice=(hint,),
    )


def most_batches(config: Mapping) -> tuple[Entry, int] | None:
    """Return the batches of an epoch at most, and the setting that says so."""
    block = node_at(config, ("dataloader", "train"))
    own = isinstance(block, Mapping) and any(
        written_entry(block, name) for name in ("loader", "sampler")
    )
    places = [(config.get("trainer"), "limit_train_batches")]
    if not own and is_null(config.get("datamodule")) and node_at(config, ("dataset", "train")):
        places.append((block, "num_iters_per_epoch"))
    found = [number_at(node, key) for node, key in places]
    counts = [(entry, number) for entry, number in found if entry and number > 0]
    return min(counts, default=None, key=lambda one: one[1])


def number_at(node: Node | None, key: str) -> tuple[Entry | None, int]:
    """Return a written setting and its whole number; 0 where it is none."""
    entry = written_entry(node, key) if isinstance(node, Mapping) else None
    return entry, (whole_number(entry.value) if entry else None) or 0
