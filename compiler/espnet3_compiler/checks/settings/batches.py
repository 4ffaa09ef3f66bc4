"""Settings of batches that lack their size or contradict each other.

Passes: ``{type: numel, batch_bins: 4000}``.
Fails: ``{type: numel}``; ``{type: numel, …, min_batch_size: 8, batch_size: 4}``.
"""

from collections.abc import Iterator

from espnet3_compiler.checks.findings import value_finding
from espnet3_compiler.checks.settings.no_effect import SIZED_BATCHES
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.manifest.stage_kinds import stages_of_kind
from espnet3_compiler.stage_graph.stage_inputs import certain_config
from espnet3_compiler.syntax.placeholder import has_certain_keys
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.span_key import first_per_location, written_entry
from espnet3_compiler.syntax.tree import Mapping, Scalar, node_at


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R603 for batches without a size, R415 for a least size above the most."""
    configs = (certain_config(one, "training", resolved) for one in stages_of_kind("train", recipe))
    yield from first_per_location(
        found for config in configs if config for found in _check_batches(config)
    )


def _check_batches(config: Mapping) -> Iterator[Diagnostic]:
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
        elif kind.value in SIZED_BATCHES:
            yield from _check_limits(batches)


def _check_limits(batches: Mapping) -> Iterator[Diagnostic]:
    """Report a batch that must have more items than it may have."""
    least, most = batches.get("min_batch_size"), batches.get("batch_size")
    low, high = (one.value if isinstance(one, Scalar) else None for one in (least, most))
    if least is None or most is None or not isinstance(low, int) or not isinstance(high, int):
        return
    if low > high:
        yield value_finding(
            "R415",
            f"a batch cannot have {low} items at least and {high} at most",
            least,
            f"more than batch_size: {high}",
            related=(Label(use_location(most), "at most"),),
            advice=("make min_batch_size smaller or batch_size larger",),
        )
