"""Convert batches: ``iter_factory`` with its batch sampler, or arguments of torch's DataLoader.

Batches never change their meaning silently: what has no equivalent is not carried, and its place is
left free, so that the checker asks for a choice.
"""

from msgspec import Struct

from espnet3_compiler.convert.configs.batch_units import (
    FILLED,
    convert_bins,
    convert_folds,
    length_fields,
)
from espnet3_compiler.convert.configs.draft import Block, ConfigDraft, Reasons
from espnet3_compiler.convert.configs.iterators import (
    CATEGORY_FACTORY,
    CHOOSE_TYPE,
    CHUNK_FACTORY,
    OF_ONE_DEVICE,
    category_field,
    convert_categories,
    convert_chunks,
    note_category,
    note_lost,
)
from espnet3_compiler.convert.notes import became, left_out, lost
from espnet3_compiler.syntax.tree import Plain
from espnet3_schemas import TARGET

SEQUENCE_FACTORY = "espnet2.iterators.sequence_iter_factory.SequenceIterFactory"
FACTORIES = (SEQUENCE_FACTORY, CHUNK_FACTORY, CATEGORY_FACTORY)
BY_BINS = ("numel", "length")
BATCH_TYPES = ("unsorted", "sorted", "folded", *BY_BINS)
NO_EFFECT = left_out("it has no effect with an iter_factory")
FOR_SPEED = left_out("it changes the speed of loading alone")
SPLIT_REASONS: Reasons = {
    "total_shards": NO_EFFECT,
    "dist_world_size": NO_EFFECT,
    "multiple_iterator": lost("ESPnet3 refuses it, too"),
    "prefetch_factor": FOR_SPEED,
    "persistent_workers": FOR_SPEED,
    "multiprocessing_context": FOR_SPEED,
}
BATCH_REASONS: Reasons = {
    "shape_files": became("the stage collect_stats", "lengths come from it"),
    "sort_in_batch": left_out("the order inside a batch has no effect on padded batches"),
    "utt2category_file": left_out("it is of the type folded alone"),
}
SHUFFLED = (
    "items are shuffled, and each epoch has new batches; in ESPnet3 batches are shuffled, and keep "
    "their items in the order of the data"
)


class _Batches(Struct, frozen=True):
    """The batches of one split.

    Attributes:
        split: ``train`` or ``valid``.
        kind: The batch type.
        model: The model of a task; None for another one.
    """

    split: str
    kind: str
    model: Plain

    @property
    def to(self) -> tuple[str, ...]:
        """Where they are in our config."""
        return "dataloader", self.split, "batches"


def convert_dataloader(root: Block, draft: ConfigDraft) -> None:
    """Write the ``dataloader`` block of a training config."""
    block = root.take_block("dataloader")
    model = root.look_at("model") if root.has_value("task") else None
    devices = root.look_at("num_device"), root.look_at("num_nodes")
    collate = block.value("collate_fn")
    if isinstance(collate, dict):
        draft.set_value(("dataloader", "collate_fn"), collate, block.span("collate_fn"))
    workers = []
    for split in ("train", "valid"):
        loader = block.take_block(split)
        workers.append(_convert_split(loader, split, model, draft, several=devices != (1, 1)))
    counts = [count for count in workers if isinstance(count, int)]
    if any(counts):
        draft.set_value(("dataloader", "num_workers"), max(counts))
    span = root.span("batch_sampler")
    sampler = root.value("batch_sampler")
    if sampler is not None:
        draft.set_value(("dataloader", "train", "sampler"), sampler, span)
        to = "dataloader.train.sampler"
        root.add_note("batch_sampler", became(to, "it is called with the data set first"))
    block.note_rest({})


def _note_distribution(block: Block, *, several: bool) -> None:
    """Note how batches are spread: whole here, so each is that of one device."""
    if block.raw_value("batch_distribution") != "global":
        return
    why = f"{OF_ONE_DEVICE}: divide its size by the number of devices"
    one = left_out("there is one device: its batches are whole")
    block.add_note("batch_distribution", lost(why) if several else one)


def _convert_split(
    block: Block, split: str, model: Plain, draft: ConfigDraft, *, several: bool
) -> Plain:
    """Write the batches of one split and return its number of loader processes.

    Args:
        block: The loader of the split.
        split: ``train`` or ``valid``.
        model: The model of a task; None for another one.
        draft: Our config.
        several: Whether there are several devices.
    """
    _note_distribution(block, several=several)
    if not block.has_value("iter_factory"):
        why = "torch's DataLoader makes batches in the order of the data"
        block.add_note("iter_factory", became("batches.type: unsorted", why))
        return _convert_plain_loader(block, split, draft)
    factory = block.take_block("iter_factory")
    workers = factory.raw_value("num_workers")
    if factory.look_at(TARGET) not in FACTORIES:
        name = str(factory.look_at(TARGET)).rpartition(".")[2]
        why = f"{name} makes other batches than of whole items: {CHOOSE_TYPE.format(split=split)}"
        block.add_note("iter_factory", lost(why))
    else:
        _convert_factory(factory, split, model, draft, several=several)
    block.note_rest(SPLIT_REASONS, left_out("it has no effect beside iter_factory"))
    return workers


def _convert_factory(
    factory: Block, split: str, model: Plain, draft: ConfigDraft, *, several: bool
) -> None:
    """Write the batches of one of ESPnet2's iterators.

    Args:
        factory: The iterator.
        split: ``train`` or ``valid``.
        model: The model of a task; None for another one.
        draft: Our config.
        several: Whether there are several devices.
    """
    collate = factory.value("collate_fn")
    if isinstance(collate, dict) and factory.is_user_written("collate_fn"):
        _note_collate(factory, collate, draft)
    factory.move_key(draft, "pin_memory", ("dataloader", "pin_memory"))
    if split == "train":
        factory.move_key(draft, "num_iters_per_epoch", ("dataloader", split, "num_iters_per_epoch"))
    else:
        factory.add_note("num_iters_per_epoch", lost("validation takes all of its batches"))
    target = factory.look_at(TARGET)
    if target == CHUNK_FACTORY:
        convert_chunks(factory, split, draft)
    elif target == CATEGORY_FACTORY:
        convert_categories(factory, split, model, draft, several=several)
    else:
        factory.raw_value(TARGET)
        _convert_sequence(factory, split, model, draft)
    why = "an argument of ESPnet2's iterator without an equivalent"
    factory.note_rest({"seed": left_out("each epoch has its order, by the seed")}, lost(why))


def _convert_sequence(factory: Block, split: str, model: Plain, draft: ConfigDraft) -> None:
    to = ("dataloader", split, "batches", "shuffle")
    draft.set_value(to, value=False)  # ESPnet2's default
    factory.move_key(draft, "shuffle", to)
    batches = factory.take_block("batches")
    kind = str(batches.raw_value("type"))
    _convert_batches(batches, _Batches(split, kind, model), draft)
    if kind in BY_BINS:
        batches.add_note("type", became(kind, FILLED))
    elif kind == "unsorted" and factory.look_at("shuffle"):
        batches.add_note("type", became(kind, SHUFFLED))


def _note_collate(factory: Block, collate: Plain, draft: ConfigDraft) -> None:
    """Note the collate function of one split: here both have the same."""
    shared = draft.values.get("dataloader")
    if not isinstance(shared, dict) or "collate_fn" not in shared:
        draft.set_value(("dataloader", "collate_fn"), collate, factory.span("collate_fn"))
    elif shared["collate_fn"] != collate:
        factory.add_note("collate_fn", lost("all splits have dataloader.collate_fn"))


def _convert_folded(block: Block, batches: _Batches, draft: ConfigDraft) -> bool:
    """Write what folded batches alone have; return whether that is possible."""
    if why := convert_folds(block, batches.model, batches.to, draft):
        block.add_note("type", lost(f"{why}: {CHOOSE_TYPE.format(split=batches.split)}"))
        note_lost((block,), batches.split, why)
        return False
    if block.has_value("utt2category_file"):
        note_category(block, *category_field(block), batches.to, draft)
    return True


def _convert_batches(block: Block, batches: _Batches, draft: ConfigDraft) -> None:
    kind, to = batches.kind, batches.to
    if kind not in BATCH_TYPES:
        why = f'the type "{kind}" is not offered: {CHOOSE_TYPE.format(split=batches.split)}'
        for entry in block.node or ():
            block.add_note(entry.name, lost(why))
        return
    if kind == "folded" and not _convert_folded(block, batches, draft):
        return
    draft.set_value((*to, "type"), kind, block.span("type"))
    fields = length_fields(block)
    if kind not in ("unsorted", "folded") and fields not in ([], ["speech"]):
        key: Plain = [*fields] if len(fields) > 1 and kind in BY_BINS else fields[0]
        draft.set_value((*to, "length_key"), key, block.span("shape_files"))
    for name in ("drop_last", "min_batch_size"):
        block.move_key(draft, name, (*to, name))
    if kind in BY_BINS:
        convert_bins(block, kind, batches.model, to, draft)
        why = "batch_bins alone fills a batch of this type, as in ESPnet3"
        block.add_note("batch_size", left_out(why))
        if block.raw_value("padding") is False:
            block.add_note("padding", lost("numel and length count padded batches"))
    else:
        block.move_key(draft, "batch_size", (*to, "batch_size"))
        block.add_note("batch_bins", left_out(f"the batch type {kind} counts samples"))
        block.add_note("padding", left_out("it is of numel and length alone"))
    if block.raw_value("sort_batch") not in (None, "ascending"):
        block.add_note("sort_batch", lost("batches of short items come first, or shuffled"))
    why = "it is of the type folded alone"
    block.note_rest({**BATCH_REASONS, "fold_lengths": left_out(why)})


def _convert_plain_loader(block: Block, split: str, draft: ConfigDraft) -> Plain:
    to = ("dataloader", split, "batches")
    draft.set_value((*to, "type"), "unsorted")
    draft.set_value((*to, "batch_size"), 1)  # torch's own defaults
    draft.set_value((*to, "shuffle"), value=False)
    for name in ("batch_size", "shuffle", "drop_last"):
        block.move_key(draft, name, (*to, name))
    for name in ("pin_memory", "timeout"):
        block.move_key(draft, name, ("dataloader", name))
    workers = block.raw_value("num_workers")
    why = "an argument of torch's DataLoader without an equivalent"
    block.note_rest(SPLIT_REASONS, lost(why))
    return workers
