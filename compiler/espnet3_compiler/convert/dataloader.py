"""Convert batches: ``iter_factory`` with its batch sampler, or arguments of torch's DataLoader."""

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
FRONTEND_DEFAULTS = {"n_mels": 80, "hop_length": 128}  # of ESPnet2


def convert_dataloader(root: Block, draft: ConfigDraft) -> None:
    """Write the ``dataloader`` block of a training config."""
    block = root.take_block("dataloader")
    model = root.raw_value("model") if root.has_value("task") else None
    collate = block.value("collate_fn")
    if isinstance(collate, dict):
        draft.set_value(("dataloader", "collate_fn"), collate, block.span("collate_fn"))
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
    block.note_rest({})


def _convert_split(block: Block, split: str, model: Plain, draft: ConfigDraft) -> Plain:
    """Write the batches of one split and return its number of loader processes."""
    if block.raw_value("batch_distribution") == "global":
        block.add_note(
            "batch_distribution", DROPPED, "complete batches are spread over the devices"
        )
    if not block.has_value("iter_factory"):
        block.entry("iter_factory")
        return _convert_plain_loader(block, split, draft)
    factory = block.take_block("iter_factory")
    if factory.raw_value(TARGET) != SEQUENCE_FACTORY:
        why = "samples are batched without cutting, as SequenceIterFactory does"
        factory.add_note(TARGET, DROPPED, why)
    to = ("dataloader", split, "batches")
    factory.move_key(draft, "shuffle", (*to, "shuffle"))
    workers = factory.raw_value("num_workers")
    factory.entry("collate_fn")
    _convert_batches(factory.take_block("batches"), to, model, draft)
    factory.note_rest({}, (DROPPED, "an argument of ESPnet2's iterator without an equivalent"))
    block.note_rest(SPLIT_REASONS, (DROPPED, "it has no effect beside iter_factory"))
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
    block.note_rest(BATCH_REASONS)


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
        value if isinstance(value := conf.get(name), int) and value > 0 else default
        for name, default in FRONTEND_DEFAULTS.items()
    )
    samples = bins * hop // (mels if kind == "numel" else 1)
    draft.set_value((*to, "batch_bins"), samples, span)
    by = f"{bins} / {mels} mels * {hop}" if kind == "numel" else f"{bins} * {hop}"
    block.add_note("batch_bins", CHANGED, f"{UNIT_REASON}: {by} samples a frame = {samples}")


def _convert_plain_loader(block: Block, split: str, draft: ConfigDraft) -> Plain:
    to = ("dataloader", split, "batches")
    draft.set_value((*to, "type"), "unsorted")
    draft.set_value((*to, "batch_size"), 1)  # torch's own defaults
    draft.set_value((*to, "shuffle"), value=False)
    for name in ("batch_size", "shuffle", "drop_last"):
        block.move_key(draft, name, (*to, name))
    block.move_key(draft, "pin_memory", ("dataloader", "pin_memory"))
    workers = block.raw_value("num_workers")
    block.note_rest(
        SPLIT_REASONS, (DROPPED, "an argument of torch's DataLoader without an equivalent")
    )
    return workers
