"""Settings of batches and schedules that contradict each other.

Passes: ``{type: numel, batch_bins: 4000}``.
Fails: ``{type: numel}``; ``OneCycleLR`` with an interval of epochs.
"""

from collections.abc import Iterator

from espnet3_compiler.chain import related_labels, use_place
from espnet3_compiler.checks.idle import COUNTING
from espnet3_compiler.diagnostic import Diagnostic, Label
from espnet3_compiler.ir import Recipe, Resolved
from espnet3_compiler.lower import in_role
from espnet3_compiler.places import written
from espnet3_compiler.read_steps import is_legible
from espnet3_compiler.tree import Mapping, Scalar, descend
from espnet3_schemas import TARGET

_CYCLE = "torch.optim.lr_scheduler.OneCycleLR"


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R603 for batches without a size, R801 for a schedule that cannot get on."""
    for name, config in in_role(recipe, resolved, "training"):
        if resolved.is_sure(name):
            yield from _bins(config)
            yield from _cycle(config)


def _bins(config: Mapping) -> Iterator[Diagnostic]:
    for split in ("train", "valid"):
        block = descend(config, ("dataloader", split))
        batches = block.get("batches") if isinstance(block, Mapping) else None
        if not isinstance(block, Mapping) or not isinstance(batches, Mapping):
            continue
        kind = batches.get("type")
        own = written(block, "sampler") or written(block, "loader")
        if own or not isinstance(kind, Scalar) or not is_legible(batches):
            continue
        bins = batches.get("batch_bins")
        absent = bins is None or (isinstance(bins, Scalar) and bins.value is None)
        if kind.value in COUNTING and absent:
            yield Diagnostic(
                "R603",
                f'"dataloader.{split}.batches" needs the key "batch_bins" with type: {kind.value}',
                Label(use_place(kind), 'only together with "batch_bins"'),
                related=related_labels(kind),
                help=("write batch_bins: and the size that a padded batch may have",),
            )


def _cycle(config: Mapping) -> Iterator[Diagnostic]:
    """Report a schedule over all steps that moves only once an epoch."""
    node, interval = config.get("scheduler"), config.get("scheduler_interval")
    if not isinstance(node, Mapping) or not isinstance(interval, Scalar):
        return
    target = node.get(TARGET)
    if interval.value != "epoch" or not isinstance(target, Scalar) or target.value != _CYCLE:
        return
    if not any(node.entry(name) for name in ("total_steps", "epochs", "_args_")):
        yield Diagnostic(
            "R801",
            "OneCycleLR plans for every step of training, but moves only once an epoch",
            Label(use_place(interval), "it never gets beyond its beginning"),
            related=(Label(use_place(target), "the scheduler"), *related_labels(interval)),
            help=("write scheduler_interval: step, or total_steps: and the number of epochs",),
        )
