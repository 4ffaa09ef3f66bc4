"""Batches: ``iter_factory`` with its batch sampler, or the arguments of a torch DataLoader."""

from pathlib import Path

from espnet3_compiler.convert.artifacts import sibling_source
from espnet3_compiler.convert.draft import Block, ConfigDraft, Reasons
from espnet3_compiler.convert.notes import CHANGED, DEAD, DROPPED, MOVED
from espnet3_compiler.syntax.tree import Plain
from espnet3_schemas import TARGET

SEQUENCE_FACTORY = "espnet2.iterators.sequence_iter_factory.SequenceIterFactory"
BY_BINS = ("numel", "length")
BATCH_TYPES = ("unsorted", "sorted", *BY_BINS)
BINS_REASON = "batch_bins alone fills a batch of this type, as in ESPnet3"
SPLIT_REASONS: Reasons = {
    "total_shards": (DEAD, "it has no effect with an iter_factory"),
    "dist_world_size": (DEAD, "it has no effect with an iter_factory"),
    "multiple_iterator": (DROPPED, "ESPnet3 refuses it, too"),
}
BATCH_REASONS: Reasons = {
    "shape_files": (MOVED, "lengths come from the stage collect_stats"),
    "sort_in_batch": (DROPPED, "the order inside a batch has no effect on padded batches"),
    "sort_batch": (DROPPED, "type: sorted puts the shortest first; shuffle mixes the batches"),
    "fold_lengths": (DROPPED, "type: folded is not offered"),
    "padding": (DROPPED, "numel and length count padded batches"),
    "utt2category_file": (DROPPED, "write a batch sampler: dataloader.train.sampler"),
}
UNIT_REASON = "counts samples of audio here, not features"
N_MELS, HOP_LENGTH = 80, 128
"""Defaults of ESPnet2's frontend."""


def convert_dataloader(root: Block, draft: ConfigDraft) -> None:
    """Write the ``dataloader`` block of a training config."""
    block = root.take_block("dataloader")
    model = root.raw_value("model") if root.has_value("task") else None
    _convert_collate(block, draft)
    workers = [
        count
        for split in ("train", "valid")
        if isinstance(count := _convert_split(block.take_block(split), split, model, draft), int)
    ]
    if any(workers):
        draft.set_value(("dataloader", "num_workers"), max(workers))
    span = root.span("batch_sampler")
    sampler = root.value("batch_sampler")
    if sampler is not None:
        draft.set_value(("dataloader", "train", "sampler"), sampler, span)
        root.add_note("batch_sampler", CHANGED, "it is called with the data set first")
    block.rest({})


def _convert_collate(block: Block, draft: ConfigDraft) -> None:
    value = block.value("collate_fn")
    if isinstance(value, dict):
        draft.set_value(("dataloader", "collate_fn"), value, block.span("collate_fn"))


def _convert_split(block: Block, split: str, model: Plain, draft: ConfigDraft) -> Plain:
    """Write the batches of one split and return its number of loader processes."""
    distribution = block.raw_value("batch_distribution")
    if distribution == "global":
        block.add_note("batch_distribution", DROPPED, "whole batches are spread over the devices")
    if not block.has_value("iter_factory"):
        block.entry("iter_factory")
        return _convert_plain_loader(block, split, draft)
    factory = block.take_block("iter_factory")
    target = factory.raw_value(TARGET)
    if target != SEQUENCE_FACTORY:
        factory.add_note(TARGET, DROPPED, "samples are batched whole, as SequenceIterFactory does")
    to = ("dataloader", split, "batches")
    factory.move_key(draft, "shuffle", (*to, "shuffle"))
    workers = factory.raw_value("num_workers")
    factory.entry("collate_fn")
    _convert_batches(factory.take_block("batches"), to, model, draft)
    factory.rest({}, (DROPPED, "an argument of ESPnet2's iterator without an equivalent"))
    block.rest(SPLIT_REASONS, (DROPPED, "it has no effect beside iter_factory"))
    return workers


def _convert_batches(block: Block, to: tuple[str, ...], model: Plain, draft: ConfigDraft) -> None:
    kind = block.raw_value("type")
    if kind not in BATCH_TYPES:
        block.add_note("type", CHANGED, f'"{kind}" is not offered; carried as sorted')
        kind = "sorted"
    draft.set_value((*to, "type"), kind, block.span("type"))
    for name in ("drop_last", "min_batch_size"):
        block.move_key(draft, name, (*to, name))
    if kind in BY_BINS:
        _convert_bins(block, str(kind), to, model, draft)
        block.add_note("batch_size", DEAD, BINS_REASON)
    else:
        block.move_key(draft, "batch_size", (*to, "batch_size"))
        block.add_note("batch_bins", DEAD, f"the batch type {kind} counts samples")
    block.rest(BATCH_REASONS)


def _convert_bins(
    block: Block, kind: str, to: tuple[str, ...], model: Plain, draft: ConfigDraft
) -> None:
    """Write ``batch_bins`` for the field speech; ESPnet3 counts the features of collect_stats."""
    bins, span = block.raw_value("batch_bins"), block.span("batch_bins")
    if not isinstance(bins, int):
        return
    if not isinstance(model, dict) or model.get("frontend", "default") not in ("default", None):
        draft.set_value((*to, "batch_bins"), bins, span)
        block.add_note("batch_bins", CHANGED, f"{UNIT_REASON}; choose it anew")
        return
    given = model.get("frontend_conf")
    conf = given if isinstance(given, dict) else {}
    mels, hop = (
        _positive_or_default(conf.get("n_mels"), N_MELS),
        _positive_or_default(conf.get("hop_length"), HOP_LENGTH),
    )
    width = mels if kind == "numel" else 1
    draft.set_value((*to, "batch_bins"), bins * hop // width, span)
    by = f"{bins} / {mels} mels * {hop}" if kind == "numel" else f"{bins} * {hop}"
    block.add_note(
        "batch_bins", CHANGED, f"{UNIT_REASON}: {by} samples a frame = {bins * hop // width}"
    )


def _positive_or_default(value: Plain, otherwise: int) -> int:
    return value if isinstance(value, int) and value > 0 else otherwise


def _convert_plain_loader(block: Block, split: str, draft: ConfigDraft) -> Plain:
    to = ("dataloader", split, "batches")
    draft.set_value((*to, "type"), "unsorted")
    draft.set_value((*to, "batch_size"), 1)  # torch's own defaults
    draft.set_value((*to, "shuffle"), value=False)
    for name in ("batch_size", "shuffle", "drop_last"):
        block.move_key(draft, name, (*to, name))
    block.move_key(draft, "pin_memory", ("dataloader", "pin_memory"))
    workers = block.raw_value("num_workers")
    block.rest(SPLIT_REASONS, (DROPPED, "an argument of torch's DataLoader without an equivalent"))
    return workers


SPLITS = ("train", "valid", "test")
ENTRY_REASONS: Reasons = {
    "split": (DEAD, "ESPnet3 ignores it; an argument of the Dataset stands in data_src_args"),
    "path": (DEAD, "ESPnet3 ignores it; an argument of the Dataset stands in data_src_args"),
}


def convert_entries(dataset: Block, split: str, draft: ConfigDraft) -> list[Plain]:
    """Return the entries of a split, and keep where they come from in the draft.

    Args:
        dataset: The ``dataset`` block of ESPnet3's config.
        split: ``train``, ``valid`` or ``test``.
        draft: Our config; it keeps where each entry comes from.
    """
    entries: list[Plain] = []
    for item in dataset.items(split):
        entry: dict[str, Plain] = {}
        for name in ("name", "data_src", "data_src_args", "transform"):
            value = item.value(name)
            if value is not None:
                entry[name] = value
        if "/" in str(entry.get("data_src", "")):
            entry["data_src"] = sibling_source(str(entry["data_src"]), _recipe_directory(item))
        item.rest(ENTRY_REASONS, (DEAD, "ESPnet3 ignores it"))
        if item.node is not None:
            draft.origins["dataset", split, len(entries)] = item.node.span
        entries.append(entry)
    return entries


def _recipe_directory(item: Block) -> Path:
    assert item.node is not None
    path = item.node.span.source.path
    name = item.node.span.source.name
    return Path(str(path).removesuffix(name)) if path else Path()


def convert_preprocessor(dataset: Block, draft: ConfigDraft, splits: tuple[str, ...]) -> None:
    """Write the preprocessor: one for all splits, or one for each.

    A map of splits has shared keys beside the splits; ESPnet3 merges them into each.

    Args:
        dataset: The ``dataset`` block of ESPnet3's config.
        draft: Our config, which gets the preprocessor.
        splits: The splits that our config has.
    """
    span = dataset.span("preprocessor")
    value = dataset.value("preprocessor")
    if not isinstance(value, dict) or span is None:
        return
    if TARGET in value:
        if isinstance(value.get("train"), bool):
            del value["train"]  # each split is told for itself
        draft.set_value(("dataset", "preprocessor"), value, span)
        return
    shared = {key: inner for key, inner in value.items() if key not in SPLITS}
    by_split = {key: value[key] for key in SPLITS if isinstance(value.get(key), dict)}
    made: dict[str, Plain] = {}
    for split in splits:
        found = next((by_split[s] for s in (split, "valid", "train") if s in by_split), None)
        if isinstance(found, dict):
            made[split] = {TARGET: found.get(TARGET), **shared, **found}
    draft.set_value(("dataset", "preprocessor"), made, span)


def note_dataset_rest(dataset: Block) -> None:
    """Tell what became of the other keys of a ``dataset`` block."""
    dataset.taken |= {"recipe_dir", "_recursive_", "_convert_"}
    dataset.rest({TARGET: (MOVED, "the runtime arranges the data sets itself")})
