"""Settings of batches and schedules that contradict each other.

Passes: ``{type: numel, batch_bins: 4000}``.
Fails: ``{type: numel}``; ``OneCycleLR`` with an interval of epochs.
"""

from collections.abc import Iterator

from espnet3_compiler.checks.findings import value_finding
from espnet3_compiler.checks.settings.no_effect import SIZED_BATCHES
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.manifest.lower import configs_in_role
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.syntax.placeholder import has_certain_keys
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.span_key import written_entry
from espnet3_compiler.syntax.tree import Mapping, Scalar, node_at
from espnet3_schemas import TARGET


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R603 for batches without a size, R801 for a schedule that never advances."""
    for name, config in configs_in_role(recipe, resolved, "training"):
        if resolved.is_certain(name):
            yield from _check_batch_bins(config)
            yield from _check_one_cycle(config)


def _check_batch_bins(config: Mapping) -> Iterator[Diagnostic]:
    for split in ("train", "valid"):
        block = node_at(config, ("dataloader", split))
        batches = block.get("batches") if isinstance(block, Mapping) else None
        if not isinstance(block, Mapping) or not isinstance(batches, Mapping):
            continue
        kind, bins = batches.get("type"), batches.get("batch_bins")
        custom = written_entry(block, "sampler") or written_entry(block, "loader")
        if custom or not isinstance(kind, Scalar) or not has_certain_keys(batches):
            continue
        absent = bins is None or (isinstance(bins, Scalar) and bins.value is None)
        if kind.value in SIZED_BATCHES and absent:
            yield value_finding(
                "R603",
                f'"dataloader.{split}.batches" needs the key "batch_bins" with type: {kind.value}',
                kind,
                'only together with "batch_bins"',
                advice=("write batch_bins: and the size that a padded batch may have",),
            )


def _check_one_cycle(config: Mapping) -> Iterator[Diagnostic]:
    """Report a schedule over all steps that advances only once an epoch."""
    node, interval = config.get("scheduler"), config.get("scheduler_interval")
    if not isinstance(node, Mapping) or not isinstance(interval, Scalar):
        return
    target = node.get(TARGET)
    one_cycle = isinstance(target, Scalar) and target.value == "torch.optim.lr_scheduler.OneCycleLR"
    if interval.value != "epoch" or not target or not one_cycle:
        return
    if not any(node.entry(name) for name in ("total_steps", "epochs", "_args_")):
        yield value_finding(
            "R801",
            "OneCycleLR plans for every step of training, but moves only once an epoch",
            interval,
            "it never gets beyond its beginning",
            related=(Label(use_location(target), "the scheduler"),),
            advice=("write scheduler_interval: step, or total_steps: and the number of epochs",),
        )
