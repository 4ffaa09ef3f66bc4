"""Batches that lack their size or contradict themselves, and loaders that are the same everywhere.

Passes: ``{type: numel, batch_bins: 4000}``; a ``loader`` with a parameter ``rank`` on two devices.
Fails: ``{type: numel}``; ``{type: numel, …, min_batch_size: 8, batch_size: 4}``; a function without
``rank`` as the ``loader`` of a training on two devices.
"""

from collections.abc import Iterator

from espnet3_compiler.checks.findings import value_finding
from espnet3_compiler.checks.training.empty_lists import why_no_validation
from espnet3_compiler.checks.training.no_effect import SIZED_BATCHES
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.signature.definitions import ClassFound, FunctionFound
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.read import read
from espnet3_compiler.signature.resolve_name import find_definition, resolution_order
from espnet3_compiler.signature.result import Signature
from espnet3_compiler.stage_graph.stage_inputs import certain_configs
from espnet3_compiler.syntax.placeholder import has_certain_keys
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.span_key import first_per_location, written_entry
from espnet3_compiler.syntax.tree import Entry, Mapping, Node, Scalar, Sequence, is_null, node_at
from espnet3_schemas import TARGET


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R603 for batches without a size, R415 for their limits, and for loaders."""
    configs = certain_configs("train", "training", recipe, resolved)
    yield from first_per_location(
        found
        for config in configs
        for found in (*_check_batches(config), *_check_ranks(config, recipe.library))
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
        absent = is_null(bins)
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


def _check_ranks(config: Mapping, library: Library) -> Iterator[Diagnostic]:
    """Report loaders that give all of the data to each of several ranks."""
    several = _several_ranks(config.get("trainer"))
    for split in ("train", "valid") if several else ():
        node = node_at(config, ("dataloader", split, "loader"))
        target = node.get(TARGET) if isinstance(node, Mapping) else None
        unused = split == "valid" and why_no_validation(config)
        if not isinstance(node, Mapping) or not isinstance(target, Scalar) or unused:
            continue
        if several and has_certain_keys(node) and _ignores_ranks(library, node, target):
            yield value_finding(
                "R415",
                f"{target.value} does not ask which rank it is for, and each would get all data",
                target,
                "no parameter rank",
                related=(Label(use_location(several.value), "several ranks"),),
                advice=("give it the parameters rank and world, and let it return that share",),
            )


def _several_ranks(trainer: Node | None) -> Entry | None:
    """Return the setting of a trainer that asks for several processes."""
    for name in ("devices", "num_nodes") if isinstance(trainer, Mapping) else ():
        entry = trainer.entry(name) if isinstance(trainer, Mapping) else None
        node = entry.value if entry else None
        count = node.value if isinstance(node, Scalar) else None
        listed = len(node.items) if isinstance(node, Sequence) else 0
        if listed > 1 or (isinstance(count, int) and count > 1):
            return entry
    return None


def _ignores_ranks(library: Library, node: Mapping, target: Scalar) -> bool:
    """Return whether a loader is certainly none of PyTorch's, and takes no rank."""
    path = str(target.value)
    if node.entry("rank") or node.entry("_args_") or not all(path.split(".")):
        return False
    found = find_definition(library, path)
    order = resolution_order(library, found) if isinstance(found, ClassFound) else ()
    plain = all(isinstance(one, ClassFound) and one.name != "DataLoader" for one in order)
    signature = read(library, path) if isinstance(found, ClassFound | FunctionFound) else None
    if not plain or not isinstance(signature, Signature) or signature.more_keywords:
        return False
    return all(item.name != "rank" for item in signature.parameters)
