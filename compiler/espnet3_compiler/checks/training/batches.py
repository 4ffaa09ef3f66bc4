"""Batches that lack their size or contradict themselves, and loaders that are the same everywhere.

Passes: ``{type: numel, batch_bins: 4000}``; a ``loader`` with a parameter ``rank`` on two devices.
Fails: ``{type: numel}``; ``{type: numel, …, min_batch_size: 8, batch_size: 4}``; a function without
``rank`` as the ``loader`` of a training on two devices.
"""

from collections.abc import Iterator

from espnet3_compiler.checks.findings import value_finding
from espnet3_compiler.checks.training.empty_lists import why_no_validation
from espnet3_compiler.checks.training.no_effect import SIZED_BATCHES, is_filled
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

_NEEDS = {
    **dict.fromkeys(SIZED_BATCHES, "batch_bins"),
    "chunk": "chunk_length",
    "category": "category_key",
    "folded": "fold_lengths",
}
"""Types of batches, and the setting without which they cannot be made."""
_MEANINGS = {
    "batch_bins": "the size that a padded batch may have",
    "chunk_length": "the steps of a window; of audio, samples",
    "category_key": "the field or column whose values are balanced",
    "fold_lengths": "the steps that halve batch_size, for each field of length_key",
}


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
        yield from _check_needed(split, batches, kind)
        if (is_filled(batches) and not is_null(bins)) or kind.value == "folded":
            yield from _check_limits(batches)
        elif kind.value not in SIZED_BATCHES:
            yield from _check_length_key(batches, kind)
        if kind.value == "folded":
            yield from _check_folds(batches)
        if kind.value == "chunk":
            yield from _check_whole_fields(batches)


def _check_needed(split: str, batches: Mapping, kind: Scalar) -> Iterator[Diagnostic]:
    """Report a type of batches without the setting that it cannot do without."""
    key = _NEEDS.get(str(kind.value))
    if key is None or not is_null(batches.get(key)):
        return
    yield value_finding(
        "R603",
        f'"dataloader.{split}.batches" needs the key "{key}" with type: {kind.value}',
        kind,
        f'only together with "{key}"',
        advice=(f"write {key}: and {_MEANINGS[key]}",),
    )


def _check_length_key(batches: Mapping, kind: Scalar) -> Iterator[Diagnostic]:
    """Report several fields for batches that have the length of one."""
    key = batches.get("length_key")
    if isinstance(key, Sequence) and len(key.items) > 1 and kind.value != "category":
        yield value_finding(
            "R415",
            f"several fields count for batch_bins only, and type: {kind.value} reads one",
            key,
            "one field",
            related=(Label(use_location(kind), "the type"),),
            advice=("write one field, or type: numel or length",),
        )


def _check_folds(batches: Mapping) -> Iterator[Diagnostic]:
    """Report another number of ``fold_lengths`` than of fields whose lengths they fold."""
    key, folds = batches.get("length_key"), batches.get("fold_lengths")
    fields = len(key.items) if isinstance(key, Sequence) else 1
    if isinstance(folds, Sequence) and folds.items and len(folds.items) != fields:
        yield value_finding(
            "R415",
            f"fold_lengths has one number for each field of length_key: {fields}, not "
            f"{len(folds.items)}",
            folds,
            f"one number for each of {fields}" if fields > 1 else "one number",
            related=(Label(use_location(key), "the fields"),) if key else (),
            advice=("write a number for each field, in the order of length_key",),
        )


def _check_whole_fields(batches: Mapping) -> Iterator[Diagnostic]:
    """Report chunks that are cut along a field that stays whole."""
    key, whole = batches.get("length_key"), batches.get("chunk_excluded_keys")
    for node in whole.items if isinstance(whole, Sequence) else ():
        if isinstance(node, Scalar) and isinstance(key, Scalar) and node.value == key.value:
            yield value_finding(
                "R415",
                f'chunks are cut along "{key.value}", which therefore cannot stay whole',
                node,
                "the length_key",
                advice=("remove it here, or name another field as length_key",),
            )


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
