"""Convert the data sets: the entries of each split and the preprocessor."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from espnet3_compiler.convert.configs.artifacts import sibling_source
from espnet3_compiler.convert.configs.draft import Block, ConfigDraft, Reasons
from espnet3_compiler.convert.notes import left_out, lost
from espnet3_compiler.syntax.tree import Plain
from espnet3_schemas import TARGET

SPLITS = ("train", "valid", "test")
ENTRY_REASONS: Reasons = {
    "split": left_out("ESPnet3 ignores it; an argument of the Dataset belongs in data_src_args"),
    "path": left_out("ESPnet3 ignores it; an argument of the Dataset belongs in data_src_args"),
}


def convert_dataset(
    dataset: Block, draft: ConfigDraft, splits: tuple[str, ...], preprocessed: tuple[str, ...]
) -> None:
    """Write the ``dataset`` block: the entries of its splits and the preprocessor.

    Args:
        dataset: The ``dataset`` block of ESPnet3's config.
        draft: Our config.
        splits: The splits whose entries are written.
        preprocessed: The splits that get a preprocessor.
    """
    for split in splits:
        entries = _convert_entries(dataset, split, draft)
        if entries:
            draft.set_value(("dataset", split), entries, dataset.span(split))
    convert_preprocessor(dataset, draft, preprocessed)
    arranged = left_out("the runtime arranges the data sets itself")
    names = (TARGET, "recipe_dir", "_recursive_", "_convert_")
    dataset.note_rest(dict.fromkeys(names, arranged))


def _convert_entries(dataset: Block, split: str, draft: ConfigDraft) -> list[Plain]:
    """Return the entries of a split; the draft gets their locations."""
    entries: list[Plain] = []
    for item in dataset.items(split):
        names = ("name", "data_src", "data_src_args", "transform")
        entry: dict[str, Plain] = {
            name: value for name in names if (value := item.value(name)) is not None
        }
        if "/" in str(entry.get("data_src", "")):
            entry["data_src"] = sibling_source(str(entry["data_src"]), _recipe_directory(item))
        item.note_rest(ENTRY_REASONS, lost("neither ESPnet3 nor this runtime reads it"))
        if item.node is not None:
            draft.origins["dataset", split, len(entries)] = item.node.span
        entries.append(entry)
    return entries


def _recipe_directory(item: Block) -> Path:
    assert item.node is not None
    source = item.node.span.source
    return Path(str(source.path).removesuffix(source.name)) if source.path else Path()


def convert_preprocessor(dataset: Block, draft: ConfigDraft, splits: tuple[str, ...]) -> None:
    """Write the preprocessor: one for all splits, or one for each.

    ESPnet3 merges the keys beside those of the splits into each split.

    Args:
        dataset: The ``dataset`` block of ESPnet3's config.
        draft: Our config.
        splits: The splits that get a preprocessor.
    """
    span = dataset.span("preprocessor")
    value = dataset.value("preprocessor")
    if not isinstance(value, dict) or span is None:
        return
    if TARGET in value:
        if isinstance(value.get("train"), bool):
            del value["train"]  # our preprocessor gets the split
        draft.set_value(("dataset", "preprocessor"), value, span)
        return
    shared = {key: inner for key, inner in value.items() if key not in SPLITS}
    by_split = {key: value[key] for key in SPLITS if isinstance(value.get(key), dict)}
    made: dict[str, Plain] = {}
    for split in splits:
        serving = next(iter(_serving((split,), by_split)), None)
        found = by_split[serving] if serving else None
        if isinstance(found, dict):
            made[split] = {TARGET: found.get(TARGET), **shared, **found}
    unused = left_out("this config has no data set that it serves")
    block = dataset.take_block("preprocessor")
    used = {id(by_split[s]) for s in _serving(splits, by_split)}
    for split, inner in by_split.items():
        if id(inner) not in used:
            block.add_note(split, unused)
    draft.set_value(("dataset", "preprocessor"), made, span)


def _serving(splits: Iterable[str], given: Mapping[str, Plain]) -> Iterator[str]:
    """Yield the split whose preprocessor serves each split: its own, or another's in its place."""
    for split in splits:
        found = next((one for one in (split, "valid", "train") if one in given), None)
        if found:
            yield found
