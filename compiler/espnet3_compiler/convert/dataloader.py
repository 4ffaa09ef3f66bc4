"""Batches: ``iter_factory`` with its batch sampler, or the arguments of a torch DataLoader."""

from espnet3_compiler.convert.draft import Block, Draft, Reasons
from espnet3_compiler.convert.notes import CHANGED, DEAD, DROPPED, MOVED
from espnet3_compiler.tree import Plain
from espnet3_schemas import TARGET

SEQUENCE = "espnet2.iterators.sequence_iter_factory.SequenceIterFactory"
BY_BINS = ("numel", "length")
TYPES = ("unsorted", "sorted", *BY_BINS)
BINS = "batch_bins alone fills a batch of this type, as in ESPnet3"
SPLIT: Reasons = {
    "total_shards": (DEAD, "it has no effect with an iter_factory"),
    "dist_world_size": (DEAD, "it has no effect with an iter_factory"),
    "multiple_iterator": (DROPPED, "ESPnet3 refuses it, too"),
}
BATCHES: Reasons = {
    "shape_files": (MOVED, "lengths come from the stage collect_stats"),
    "sort_in_batch": (DROPPED, "the order inside a batch has no effect on padded batches"),
    "sort_batch": (DROPPED, "type: sorted puts the shortest first; shuffle mixes the batches"),
    "fold_lengths": (DROPPED, "type: folded is not offered"),
    "padding": (DROPPED, "numel and length count padded batches"),
    "utt2category_file": (DROPPED, "write a batch sampler: dataloader.train.sampler"),
}
UNIT = "counts samples of audio here, not features"
N_MELS, HOP_LENGTH = 80, 128
"""Defaults of ESPnet2's frontend."""


def carry_dataloader(root: Block, draft: Draft) -> None:
    """Write the ``dataloader`` block of a training config."""
    block = root.block("dataloader")
    model = root.raw("model") if root.has("task") else None
    _carry_collate(block, draft)
    workers = [
        count
        for split in ("train", "valid")
        if isinstance(count := _carry_split(block.block(split), split, model, draft), int)
    ]
    if any(workers):
        draft.put(("dataloader", "num_workers"), max(workers))
    span = root.span("batch_sampler")
    sampler = root.value("batch_sampler")
    if sampler is not None:
        draft.put(("dataloader", "train", "sampler"), sampler, span)
        root.note("batch_sampler", CHANGED, "it is called with the data set first")
    block.rest({})


def _carry_collate(block: Block, draft: Draft) -> None:
    value = block.value("collate_fn")
    if isinstance(value, dict):
        draft.put(("dataloader", "collate_fn"), value, block.span("collate_fn"))


def _carry_split(block: Block, split: str, model: Plain, draft: Draft) -> Plain:
    """Write the batches of one split and return its number of loader processes."""
    distribution = block.raw("batch_distribution")
    if distribution == "global":
        block.note("batch_distribution", DROPPED, "whole batches are spread over the devices")
    if not block.has("iter_factory"):
        block.entry("iter_factory")
        return _carry_plain(block, split, draft)
    factory = block.block("iter_factory")
    target = factory.raw(TARGET)
    if target != SEQUENCE:
        factory.note(TARGET, DROPPED, "samples are batched whole, as SequenceIterFactory does")
    to = ("dataloader", split, "batches")
    factory.move(draft, "shuffle", (*to, "shuffle"))
    workers = factory.raw("num_workers")
    factory.entry("collate_fn")
    _carry_batches(factory.block("batches"), to, model, draft)
    factory.rest({}, (DROPPED, "an argument of ESPnet2's iterator without an equivalent"))
    block.rest(SPLIT, (DROPPED, "it has no effect beside iter_factory"))
    return workers


def _carry_batches(block: Block, to: tuple[str, ...], model: Plain, draft: Draft) -> None:
    kind = block.raw("type")
    if kind not in TYPES:
        block.note("type", CHANGED, f'"{kind}" is not offered; carried as sorted')
        kind = "sorted"
    draft.put((*to, "type"), kind, block.span("type"))
    for name in ("drop_last", "min_batch_size"):
        block.move(draft, name, (*to, name))
    if kind in BY_BINS:
        _carry_bins(block, str(kind), to, model, draft)
        block.note("batch_size", DEAD, BINS)
    else:
        block.move(draft, "batch_size", (*to, "batch_size"))
        block.note("batch_bins", DEAD, f"the batch type {kind} counts samples")
    block.rest(BATCHES)


def _carry_bins(block: Block, kind: str, to: tuple[str, ...], model: Plain, draft: Draft) -> None:
    """Write ``batch_bins`` for the field speech; ESPnet3 counts the features of collect_stats."""
    bins, span = block.raw("batch_bins"), block.span("batch_bins")
    if not isinstance(bins, int):
        return
    if not isinstance(model, dict) or model.get("frontend", "default") not in ("default", None):
        draft.put((*to, "batch_bins"), bins, span)
        block.note("batch_bins", CHANGED, f"{UNIT}; choose it anew")
        return
    given = model.get("frontend_conf")
    conf = given if isinstance(given, dict) else {}
    mels, hop = _whole(conf.get("n_mels"), N_MELS), _whole(conf.get("hop_length"), HOP_LENGTH)
    width = mels if kind == "numel" else 1
    draft.put((*to, "batch_bins"), bins * hop // width, span)
    by = f"{bins} / {mels} mels * {hop}" if kind == "numel" else f"{bins} * {hop}"
    block.note("batch_bins", CHANGED, f"{UNIT}: {by} samples a frame = {bins * hop // width}")


def _whole(value: Plain, otherwise: int) -> int:
    return value if isinstance(value, int) and value > 0 else otherwise


def _carry_plain(block: Block, split: str, draft: Draft) -> Plain:
    to = ("dataloader", split, "batches")
    draft.put((*to, "type"), "unsorted")
    draft.put((*to, "batch_size"), 1)  # torch's own defaults
    draft.put((*to, "shuffle"), value=False)
    for name in ("batch_size", "shuffle", "drop_last"):
        block.move(draft, name, (*to, name))
    block.move(draft, "pin_memory", ("dataloader", "pin_memory"))
    workers = block.raw("num_workers")
    block.rest(SPLIT, (DROPPED, "an argument of torch's DataLoader without an equivalent"))
    return workers
