"""Convert ESPnet2's iterators of windows and of balanced batches."""

from collections.abc import Iterable
from pathlib import PurePosixPath

from espnet3_compiler.convert.configs.draft import RENAMED, Block, ConfigDraft, Reasons
from espnet3_compiler.convert.notes import became, left_out, lost
from espnet3_schemas import TARGET

CHUNK_FACTORY = "espnet2.iterators.chunk_iter_factory.ChunkIterFactory"
CATEGORY_FACTORY = "espnet2.iterators.category_iter_factory.CategoryIterFactory"
CATEGORY_TYPES = ("catbel", "catpow")
FEATURES = "feats_shape"
CHUNK_REASONS: Reasons = {
    "shape_files": became("the stage collect_stats", "lengths come from it"),
    "num_cache_chunks": left_out("the windows of all samples are mixed"),
    "num_samples_per_epoch": lost("write num_iters_per_epoch, which counts batches"),
    "default_fs": lost("write chunk_length in samples of the rate that the data have"),
}
CATEGORY_REASONS: Reasons = {
    "epoch": left_out("each epoch draws its batches anew"),
    "min_batch_size": left_out("every batch has batch_size samples, but the last"),
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
        _note_lost((factory,), split, "chunks have one length here")
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


def convert_categories(factory: Block, split: str, draft: ConfigDraft, *, several: bool) -> None:
    """Write balanced batches.

    Args:
        factory: ESPnet2's iterator.
        split: ``train`` or ``valid``.
        draft: Our config.
        several: Whether there are several devices.
    """
    sampler = factory.take_block("sampler_args")
    kind = factory.look_at("batch_type") or "catbel"
    file, field = _category_field(sampler)
    problem = ""
    if split != "train":
        problem = "only training has balanced batches"
    elif kind not in CATEGORY_TYPES:
        problem = f"{kind} is unknown"
    elif not field:
        problem = "no file says the categories"
    if problem:
        _note_lost((factory, sampler), split, problem)
        return
    to = ("dataloader", split, "batches")
    factory.add_note(TARGET, became("batches.type: category", RENAMED))
    draft.set_value((*to, "type"), "category", factory.span(TARGET))
    draft.set_value((*to, "category_key"), field, sampler.span(file))
    why = "the field, or column of the data set, with the category: name another if it is that"
    sampler.add_note(file, became(f"category_key: {field}", why))
    factory.raw_value("batch_type")
    if kind == "catpow":
        draft.set_value((*to, "category_power"), 1.0)  # ESPnet2's default
        sampler.move_key(draft, "upsampling_factor", (*to, "category_power"))
    for name in ("batch_size", "drop_last"):
        sampler.move_key(draft, name, (*to, name))
    sampler.move_key(draft, "num_batches", ("dataloader", split, "num_iters_per_epoch"))
    if several and sampler.look_at("distributed"):
        sampler.add_note("distributed", lost(f"{OF_ONE_DEVICE}: divide batch_size by their number"))
    factory.add_note("shuffle", left_out("each epoch draws its batches anew"))
    factory.add_note("batches", left_out("sampler_args makes the batches, from the first epoch on"))
    sampler.note_rest(CATEGORY_REASONS, lost("batches of type: category count samples"))


def _category_field(sampler: Block) -> tuple[str, str]:
    """Return the key of the file that lists categories, and what its name says: ``spk2utt``."""
    for key in ("category2utt_file", "utt2category_file"):
        if sampler.has_value(key):
            names = PurePosixPath(str(sampler.look_at(key))).stem.split("2")
            return key, next((name for name in names if name not in ("", "utt")), "")
    return "", ""


def _note_lost(blocks: Iterable[Block], split: str, problem: str) -> None:
    why = f"{problem}: {CHOOSE_TYPE.format(split=split)}"
    for block in blocks:
        for entry in block.node or ():
            if entry.name not in block.taken:
                block.add_note(entry.name, lost(why))


def shape_files(block: Block) -> list[str]:
    """Return the names of the shape files by which batches are made."""
    given = block.look_at("shape_files")
    return [PurePosixPath(str(path)).name for path in given] if isinstance(given, list) else []
