"""Fields that configs name, against those that the data have.

Passes: ``length_key: speech`` where items have ``speech``; fields that a preprocessor adds.
Fails: ``length_key: feats`` beside ``type: numel`` where items have ``speech``;
``dataset:transcript`` where they have ``text``.

Only what the code says plainly is compared: a ``Dataset`` whose items are written out.
"""

from collections.abc import Iterator

from espnet3_compiler.checks.code.modules import recipe_modules
from espnet3_compiler.checks.data.bodies import dataset_class
from espnet3_compiler.checks.data.columns import is_mentioned, listed_columns
from espnet3_compiler.checks.data.field_arguments import LackingField, lacking_fields
from espnet3_compiler.checks.data.sample_fields import Fields, changed_fields, item_fields
from espnet3_compiler.checks.data.streams import is_sharded_entry, is_stream_entry
from espnet3_compiler.checks.findings import unknown_value, value_finding
from espnet3_compiler.checks.settings.metrics import COLUMN_PREFIX
from espnet3_compiler.checks.targets.datasets import DatasetEntry, dataset_entries, is_available
from espnet3_compiler.checks.training.no_effect import LENGTH_BATCHES, is_filled
from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.diagnostics.suggest import closest_match
from espnet3_compiler.manifest.recipe import Recipe, Resolved, StageDecl
from espnet3_compiler.manifest.stage_kinds import stage_kind, stages_of_kind
from espnet3_compiler.manifest.values import as_texts
from espnet3_compiler.signature import resolve_name
from espnet3_compiler.signature.classes import attributes_of
from espnet3_compiler.signature.definitions import ClassFound
from espnet3_compiler.stage_graph.stage_inputs import certain_config
from espnet3_compiler.syntax.span_key import first_per_location, is_written, written_entry
from espnet3_compiler.syntax.tree import Mapping, Node, Scalar, Sequence, node_at
from espnet3_schemas import TARGET

TEXT_BLOCKS = {
    "train_tokenizer": "tokenizer",
    "prepare_labels": "labels",
    "prepare_tokens": "tokens",
}
"""Stages that read texts of the data, and the block that names their field."""

_OF_BLOCK = {
    "tokenizer": "the tokenizer reads",
    "labels": "the labels are read from",
    "tokens": "the tokens are read from",
}
COLLATE = "espnet3_runtime.data.collate.CommonCollateFn"
"""The collate function that adds ``NAME_lengths`` to a field, and nothing else."""

_BY_LENGTH = "batches are made by the length of a field"
READ_BY_RUNTIME = ("utt_id", "sample_rate")
"""Fields that the runtime reads itself."""


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R422 for unknown fields, R424 for batches by lengths that nothing gives."""
    if not recipe.complete:
        return
    found: list[Diagnostic] = []
    for kind, look in _LOOKS.items():
        for stage in stages_of_kind(kind, recipe):
            found += look(stage, recipe, resolved)
    yield from first_per_location(found)


def split_entries(recipe: Recipe, config: Mapping, split: str) -> list[DatasetEntry]:
    """Return the data sets of a split.

    Args:
        recipe: The recipe.
        config: A training or inference config.
        split: ``train``, ``valid`` or ``test``.
    """
    library = recipe.library
    return list(dataset_entries(library, config, certain=True, splits=(split,)))


def fields_before(entries: list[DatasetEntry], *, transformed: bool = True) -> Fields | None:
    """Return the fields of the items of a split before its preprocessor."""
    every: set[str] = set()
    for data in entries:
        fields = item_fields(data) if is_available(data) else None
        if transformed and fields is not None:
            fields = changed_fields(data.library, data.node.get("transform"), fields)
        if fields is None:
            return None
        every |= fields
    return frozenset(every) if entries else None


def preprocessor_of(config: Mapping, split: str) -> Node | None:
    """Return the preprocessor of a split, where the config has one."""
    node = node_at(config, ("dataset", "preprocessor"))
    return node.get(split) if isinstance(node, Mapping) and node.entry(TARGET) is None else node


def fields_after(config: Mapping, split: str, given: Fields, recipe: Recipe) -> Fields | None:
    """Return the fields of the items of a split after its preprocessor; None where not known.

    Args:
        config: A training or inference config.
        split: ``train``, ``valid`` or ``test``.
        given: The fields before.
        recipe: The recipe.
    """
    return changed_fields(recipe.library, preprocessor_of(config, split), given)


def _check_training(stage: StageDecl, recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    config = certain_config(stage, "training", resolved)
    if config:
        yield from _check_preprocessor(config, recipe)
        yield from _check_batches(stage, config, recipe, resolved)


def _check_preprocessor(config: Mapping, recipe: Recipe) -> Iterator[Diagnostic]:
    """Report fields that the preprocessor of the training reads and the data do not have."""
    before = fields_before(split_entries(recipe, config, "train"))
    node = preprocessor_of(config, "train")
    if before is None or not isinstance(node, Mapping):
        return
    for lacking in lacking_fields(recipe.library, node, before):
        if lacking.node:
            yield unknown_field(lacking.node, before, "the preprocessor reads a field")
        else:
            yield _unnamed_field(node, lacking, before)


def _unnamed_field(node: Mapping, lacking: LackingField, fields: Fields) -> Diagnostic:
    """Return R422 for a field that a preprocessor reads as it is told no other.

    Args:
        node: The preprocessor.
        lacking: The field.
        fields: Those that there are.
    """
    known = sorted(fields - set(READ_BY_RUNTIME))
    near = closest_match(lacking.name, known)
    advice = f"write {lacking.argument}: and one of {', '.join(known)}"
    return value_finding(
        "R422",
        f'the preprocessor reads the field "{lacking.name}" unless told otherwise, and the data '
        "have no such field",
        node.get(TARGET) or node,
        f"{lacking.argument} is {lacking.name} unless given",
        advice=(f"did you mean {lacking.argument}: {near}?" if near else advice,),
    )


def _check_text_field(stage: StageDecl, recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Report the fields whose texts a stage reads, where neither items nor columns have them."""
    name = TEXT_BLOCKS[str(stage_kind(stage))]
    config = certain_config(stage, "training", resolved)
    block = config.get(name) if config else None
    if config is None or not isinstance(block, Mapping):
        return
    if any(written_entry(block, key) for key in ("train_file", "text_builder")):
        return
    entries = split_entries(recipe, config, "train")
    for node in (*as_texts(block.get("field")), *as_texts(block.get("text"))):
        known = _fields_beside(node, fields_before(entries), entries, recipe, resolved)
        yield from _unknown_fields(node, known, f"{_OF_BLOCK[name]} a field")


def _check_batches(
    stage: StageDecl, config: Mapping, recipe: Recipe, resolved: Resolved
) -> Iterator[Diagnostic]:
    """Report fields that batches are made by, and that items do not have.

    Args:
        stage: The training stage.
        config: Its training config.
        recipe: The recipe.
        resolved: The values of its configs.
    """
    for split in ("train", "valid"):
        block = node_at(config, ("dataloader", split))
        batches = node_at(block, ("batches",)) if block else None
        if not isinstance(block, Mapping) or not isinstance(batches, Mapping):
            continue
        kind, entries = batches.get("type"), split_entries(recipe, config, split)
        custom = written_entry(block, "loader") or written_entry(block, "sampler")
        if custom or not isinstance(kind, Scalar) or not entries:
            continue
        if any(is_stream_entry(data) for data in entries):
            continue
        before = fields_before(entries)
        after = fields_after(config, split, before, recipe) if before else None
        silent = not any(_may_have_lengths(data) for data in entries)
        if (kind.value in LENGTH_BATCHES or is_filled(batches)) and silent:
            shards = split == "train" and any(is_sharded_entry(data) for data in entries)
            yield from _check_lengths(stage, split, batches, after, recipe, shards=shards)
        if kind.value == "sorted" and silent:
            yield from _unknown_fields(batches.get("length_key"), after, _BY_LENGTH)
        if kind.value == "chunk" and after:
            whole = "a field stays whole"
            yield from _unknown_fields(batches.get("chunk_excluded_keys"), after, whole)
        grouped = kind.value in ("category", "folded")
        if grouped and not any(_may_have(data, "categories") for data in entries):
            what = "batches are balanced by a field"
            what = what if kind.value == "category" else "batches have one value of a field"
            raw = fields_before(entries, transformed=False)
            for name in as_texts(batches.get("category_key")):
                known = _fields_beside(name, raw, entries, recipe, resolved)
                yield from _unknown_fields(name, known, what)


def _fields_beside(
    name: Scalar,
    fields: Fields | None,
    entries: list[DatasetEntry],
    recipe: Recipe,
    resolved: Resolved,
) -> Fields | None:
    """Return the fields and columns of a split; None where there may be one of a given name.

    Args:
        name: The field or column that is asked for.
        fields: The fields of the items.
        entries: The data sets of the split.
        recipe: The recipe.
        resolved: The values of its configs.
    """
    word = str(name.value).removeprefix(COLUMN_PREFIX)
    if fields is None or word in fields or not any(_may_have(data, "column") for data in entries):
        return fields
    modules = recipe_modules(recipe, resolved)
    if is_mentioned(word, entries, modules):
        return None
    return listed_columns(entries, fields, modules)


def _check_lengths(
    stage: StageDecl,
    split: str,
    batches: Mapping,
    after: Fields | None,
    recipe: Recipe,
    *,
    shards: bool,
) -> Iterator[Diagnostic]:
    """Report lengths of a field that items do not have, or that nothing gives.

    Args:
        stage: The training stage.
        split: ``train`` or ``valid``.
        batches: The ``batches`` block.
        after: The fields of the items after the preprocessor.
        recipe: The recipe.
        shards: Whether the data are read shard by shard, whose lengths no stage collects.
    """
    kind = batches.get("type")
    assert isinstance(kind, Scalar)
    unknown = list(_unknown_fields(batches.get("length_key"), after, _BY_LENGTH))
    yield from unknown
    if not unknown and (shards or not _collects_lengths(stage, recipe)):
        yield _no_lengths(split, kind, shards=shards)


def _unknown_fields(node: Node | None, fields: Fields | None, what: str) -> Iterator[Diagnostic]:
    """Yield a finding for each written field that items do not have."""
    for name in as_texts(node) if fields else ():
        if fields and name.value not in fields and is_written(name):
            yield unknown_field(name, fields, what)


def _may_have_lengths(data: DatasetEntry) -> bool:
    """Return whether a data set gives lengths itself, or may for all that can be seen."""
    return _may_have(data, "lengths")


def _may_have(data: DatasetEntry, attribute: str) -> bool:
    found = dataset_class(data)
    if found is None:
        return True
    order = resolve_name.resolution_order(data.library, found)
    if not all(isinstance(one, ClassFound) for one in order):
        return True
    file = data.library.file(found.location)
    named = attribute in attributes_of(data.library, found)
    return named or file is None or attribute in file.text.text or "setattr" in file.text.text


def _collects_lengths(stage: StageDecl, recipe: Recipe) -> bool:
    """Return whether an earlier stage collects the lengths of items, or may do so."""
    for other in recipe.stages:
        if other is stage:
            return False
        if stage_kind(other) in ("collect_stats", *recipe.system.own):
            return True
    return False


def _no_lengths(split: str, kind: Scalar, *, shards: bool) -> Diagnostic:
    how = "add a stage collect_stats before, or lengths() to the Dataset"
    how = "give each shard a method lengths()" if shards else how
    other = "" if kind.value == "chunk" else "; or type: unsorted"
    return value_finding(
        "R424",
        f'"dataloader.{split}.batches" with type: {kind.value} needs the length of every item',
        kind,
        "no lengths",
        advice=(f"{how}{other}",),
    )


def _check_columns(stage: StageDecl, recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Report ``dataset:COLUMN`` of data sets that have no such column or field."""
    metrics = certain_config(stage, "metrics", resolved)
    inference = certain_config(stage, "inference", resolved)
    if metrics is None or inference is None:
        return
    entries = split_entries(recipe, inference, "test")
    before = fields_before(entries, transformed=False)
    block = metrics.get("metrics")
    for item in block.items if isinstance(block, Sequence) else ():
        inputs = node_at(item, ("inputs",))
        for entry in inputs if isinstance(inputs, Mapping) else ():
            node = entry.value
            text = str(node.value) if isinstance(node, Scalar) else ""
            plain = text.startswith(COLUMN_PREFIX) and "${" not in text
            if plain and isinstance(node, Scalar):
                column = text.removeprefix(COLUMN_PREFIX)
                known = _fields_beside(node, before, entries, recipe, resolved)
                if known is not None and column not in known:
                    yield _unknown_column(node, known)


def unknown_field(node: Scalar, fields: Fields, what: str) -> Diagnostic:
    """Return R422 for the name of a field that items do not have.

    Args:
        node: The name.
        fields: Those that they have.
        what: What the name is for, as the beginning of a sentence.
    """
    known = sorted(fields - set(READ_BY_RUNTIME))
    return unknown_value(
        "R422",
        f'{what}, and the data have no field "{node.value}"',
        node,
        known,
        hints=(f"write one of {', '.join(known)}",),
    )


def _unknown_column(node: Scalar, fields: Fields) -> Diagnostic:
    known = [f"{COLUMN_PREFIX}{name}" for name in sorted(fields - set(READ_BY_RUNTIME))]
    return unknown_value(
        "R422",
        f'the data have no column "{str(node.value).removeprefix(COLUMN_PREFIX)}"',
        node,
        known,
        hints=(f"write one of {', '.join(known)}",),
    )


_LOOKS = {
    "train": _check_training,
    **dict.fromkeys(TEXT_BLOCKS, _check_text_field),
    "measure": _check_columns,
}
"""What looks at the fields that a stage names, by its kind."""
