"""Convert ESPnet2's iterators of windows and of balanced batches."""

from collections.abc import Iterable
from pathlib import PurePosixPath

from espnet3_compiler.convert.configs.batch_units import (
    FEATURES,
    FILLED,
    convert_bins,
    length_fields,
    shape_files,
)
from espnet3_compiler.convert.configs.draft import RENAMED, Block, ConfigDraft, Reasons
from espnet3_compiler.convert.notes import became, left_out, lost
from espnet3_compiler.syntax.tree import Plain
from espnet3_schemas import TARGET

CHUNK_FACTORY = "espnet2.iterators.chunk_iter_factory.ChunkIterFactory"
CATEGORY_FACTORY = "espnet2.iterators.category_iter_factory.CategoryIterFactory"
CATEGORY_TYPES = ("catbel", "catpow", "catpow_balance_dataset")
CHUNK_REASONS: Reasons = {
    "shape_files": became("the stage collect_stats", "lengths come from it"),
    "num_cache_chunks": left_out("the windows of all samples are mixed"),
    "num_samples_per_epoch": lost("write num_iters_per_epoch, which counts batches"),
    "default_fs": lost("write chunk_length in samples of the rate that the data have"),
}
CATEGORY_REASONS: Reasons = {
    "epoch": left_out("each epoch draws its batches anew"),
    "min_batch_size": left_out("every batch has batch_size samples, but the last"),
    "batch_size": left_out("catpow reads max_batch_size, which is batch_size here"),
    "shape_files": became("the stage collect_stats", "lengths come from it"),
    "utt2dataset_file": became("the entries of dataset.train", "they are the data sets"),
    "dataset2utt_file": became("the entries of dataset.train", "they are the data sets"),
    "distributed": left_out("each device draws batches of its own"),
}
OF_ONE_DEVICE = "a batch is that of one device here"
CHOOSE_TYPE = "choose dataloader.{split}.batches anew, or write a batch sampler for it"


def convert_chunks(factory: Block, split: str, draft: ConfigDraft) -> None:
    """Write batches of windows; ESPnet2 leaves out the last ones that fill no batch.

    Args:
        factory: ESPnet3's iterator.
        split: ``train`` or ``valid``.
        draft: Our config.
    """
    to, length = ("dataloader", split, "batches"), str(factory.look_at("chunk_length"))
    if not length.isdecimal():
        note_lost((factory,), split, "chunks have one length here")
        return
    factory.add_note(TARGET, became("batches.type: chunk", RENAMED))
    draft.set_value((*to, "type"), "chunk", factory.span(TARGET))
    draft.set_value((*to, "drop_last"), value=True)
    draft.set_value((*to, "shuffle"), value=False)  # ESPnet2's default
    for name in ("shuffle", "batch_size", "chunk_length", "chunk_shift_ratio"):
        factory.move_key(draft, name, (*to, name))
    draft.set_value((*to, "chunk_length"), int(length), factory.span("chunk_length"))
    factory.move_key(draft, "excluded_key_prefixes", (*to, "chunk_excluded_keys"))
    why = "these are whole names: name1 and name2 of a prefix are two"
    key = f"dataloader.{split}.batches.chunk_excluded_keys"
    factory.add_note("excluded_key_prefixes", became(key, why))
    if factory.raw_value("discard_short_samples") is False:
        span = factory.span("discard_short_samples")
        draft.set_value((*to, "chunk_short_samples"), "pad", span)
        factory.add_note("discard_short_samples", became("chunk_short_samples: pad", RENAMED))
    batches = factory.take_block("batches")
    if fields := [name for name in shape_files(batches) if name != FEATURES]:
        key = fields[0].removesuffix("_shape")
        draft.set_value((*to, "length_key"), key, batches.span("shape_files"))
    why = "samples are read one by one, and their windows make the batches"
    batches.note_rest(CHUNK_REASONS, left_out(why))
    factory.note_rest(CHUNK_REASONS)


def convert_categories(
    factory: Block, split: str, model: Plain, draft: ConfigDraft, *, several: bool
) -> None:
    """Write balanced batches.

    Args:
        factory: ESPnet2's iterator.
        split: ``train`` or ``valid``.
        model: The model of a task; None for another one.
        draft: Our config.
        several: Whether there are several devices.
    """
    sampler = factory.take_block("sampler_args")
    kind = factory.look_at("batch_type") or "catbel"
    file, field = category_field(sampler)
    problem = ""
    if split != "train":
        problem = "only training has balanced batches"
    elif kind not in CATEGORY_TYPES:
        problem = f"{kind} is unknown"
    elif not field:
        problem = "no file says the categories"
    elif kind == "catpow_balance_dataset" and _count_data_sets(draft) < 2:  # noqa: PLR2004
        problem = "dataset_power balances the entries of dataset.train here, and there is one"
    elif kind != "catbel" and not isinstance(sampler.look_at("batch_bins"), int):
        problem = f"{kind} fills batches up to batch_bins, and there are none"
    if problem:
        note_lost((factory, sampler), split, problem)
        return
    to = ("dataloader", split, "batches")
    factory.add_note(TARGET, became("batches.type: category", RENAMED))
    draft.set_value((*to, "type"), "category", factory.span(TARGET))
    note_category(sampler, file, field, to, draft)
    factory.raw_value("batch_type")
    if kind == "catbel":
        sampler.move_key(draft, "batch_size", (*to, "batch_size"))
    else:
        factory.add_note("batch_type", became("type: category", FILLED))
        _convert_powers(sampler, str(kind), model, to, draft)
    sampler.move_key(draft, "drop_last", (*to, "drop_last"))
    sampler.move_key(draft, "num_batches", ("dataloader", split, "num_iters_per_epoch"))
    if several and sampler.look_at("distributed"):
        sampler.add_note("distributed", lost(f"{OF_ONE_DEVICE}: divide batch_size by their number"))
    factory.add_note("shuffle", left_out("each epoch draws its batches anew"))
    factory.add_note("batches", left_out("sampler_args makes the batches, from the first epoch on"))
    sampler.note_rest(CATEGORY_REASONS, lost("batches of type: category count samples"))


def note_category(
    block: Block, file: str, field: str, to: tuple[str, ...], draft: ConfigDraft
) -> None:
    """Write the field that says the category of an item.

    Args:
        block: ESPnet3's batches.
        file: The key of the file that says it there.
        field: What the name of the file says.
        to: Where our batches are.
        draft: Our config.
    """
    draft.set_value((*to, "category_key"), field, block.span(file))
    why = "the field, or column of the data set, with the category: name another if it is that"
    block.add_note(file, became(f"category_key: {field}", why))


def _convert_powers(
    sampler: Block, kind: str, model: Plain, to: tuple[str, ...], draft: ConfigDraft
) -> None:
    """Write batches that are filled by chance, with ESPnet2's defaults where it has others.

    Args:
        sampler: The arguments of ESPnet2's sampler.
        kind: Its type.
        model: The model of a task; None for another one.
        to: Where our batches are.
        draft: Our config.
    """
    by_data_set = kind == "catpow_balance_dataset"
    powers = {"category_power": "upsampling_factor"}
    if by_data_set:
        powers = {"category_power": "category_upsampling_factor"}
        powers["dataset_power"] = "dataset_upsampling_factor"
    for name, given in powers.items():
        draft.set_value((*to, name), 1.0)
        sampler.move_key(draft, given, (*to, name))
    draft.set_value((*to, "epoch_factor"), 1.2)
    sampler.move_key(draft, "dataset_scaling_factor", (*to, "epoch_factor"))
    sampler.move_key(draft, "max_batch_size", (*to, "batch_size"))
    sampler.move_key(draft, "min_batch_size", (*to, "min_batch_size"))
    convert_bins(sampler, kind, model, to, draft)
    fields = length_fields(sampler)
    if fields not in ([], ["speech"]):
        draft.set_value((*to, "length_key"), fields[0], sampler.span("shape_files"))


def _count_data_sets(draft: ConfigDraft) -> int:
    dataset = draft.values.get("dataset")
    entries = dataset.get("train") if isinstance(dataset, dict) else None
    return len(entries) if isinstance(entries, list) else 0


def category_field(sampler: Block) -> tuple[str, str]:
    """Return the key of the file that lists categories, and what its name says: ``spk2utt``."""
    for key in ("category2utt_file", "utt2category_file"):
        if sampler.has_value(key):
            names = PurePosixPath(str(sampler.look_at(key))).stem.split("2")
            return key, next((name for name in names if name not in ("", "utt")), "")
    return "", ""


def note_lost(blocks: Iterable[Block], split: str, problem: str) -> None:
    """Note all keys that were not taken as not carried.

    Args:
        blocks: ESPnet3's batches.
        split: ``train`` or ``valid``.
        problem: Why they are not carried.
    """
    why = f"{problem}: {CHOOSE_TYPE.format(split=split)}"
    for block in blocks:
        for entry in block.node or ():
            if entry.name not in block.taken:
                block.add_note(entry.name, lost(why))
