"""Data sets: entries and preprocessors."""

from pathlib import Path

from espnet3_compiler.convert.draft import Block, Draft, Reasons
from espnet3_compiler.convert.notes import DEAD, MOVED
from espnet3_compiler.convert.targets import sibling
from espnet3_compiler.tree import Plain
from espnet3_schemas import TARGET

SPLITS = ("train", "valid", "test")
ENTRY: Reasons = {
    "split": (DEAD, "ESPnet3 ignores it; an argument of the Dataset stands in data_src_args"),
    "path": (DEAD, "ESPnet3 ignores it; an argument of the Dataset stands in data_src_args"),
}


def carry_entries(dataset: Block, split: str, draft: Draft) -> list[Plain]:
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
            entry["data_src"] = sibling(str(entry["data_src"]), _directory(item))
        item.rest(ENTRY, (DEAD, "ESPnet3 ignores it"))
        if item.node is not None:
            draft.origins["dataset", split, len(entries)] = item.node.span
        entries.append(entry)
    return entries


def _directory(item: Block) -> Path:
    assert item.node is not None
    path = item.node.span.source.path
    name = item.node.span.source.name
    return Path(str(path).removesuffix(name)) if path else Path()


def carry_preprocessor(dataset: Block, draft: Draft, splits: tuple[str, ...]) -> None:
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
        draft.put(("dataset", "preprocessor"), value, span)
        return
    shared = {key: inner for key, inner in value.items() if key not in SPLITS}
    by_split = {key: value[key] for key in SPLITS if isinstance(value.get(key), dict)}
    made: dict[str, Plain] = {}
    for split in splits:
        found = next((by_split[s] for s in (split, "valid", "train") if s in by_split), None)
        if isinstance(found, dict):
            made[split] = {TARGET: found.get(TARGET), **shared, **found}
    draft.put(("dataset", "preprocessor"), made, span)


def carry_rest(dataset: Block) -> None:
    """Tell what became of the other keys of a ``dataset`` block."""
    dataset.taken |= {"recipe_dir", "_recursive_", "_convert_"}
    dataset.rest({TARGET: (MOVED, "the runtime arranges the data sets itself")})
