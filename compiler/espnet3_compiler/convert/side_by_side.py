"""What a recipe means for ESPnet3 and what it means here, side by side, for a reviewer."""

import json
from collections.abc import Iterator, Sequence

from espnet3_compiler.convert.configs.draft import ConfigDraft
from espnet3_compiler.convert.files import config_name, manifest_configs, manifest_name
from espnet3_compiler.convert.key_lists import find_key
from espnet3_compiler.convert.notes import CARRIED, NOT_CARRIED, KeyNote, Notes
from espnet3_compiler.convert.recipe import ConvertedRecipe
from espnet3_compiler.convert.stage_entries import MODEL_NAME
from espnet3_compiler.syntax.tree import Path, Plain, format_path

WIDTH = 58
LONGEST_VALUE = 60
Place = tuple[str, int]
Rows = list[tuple[str, str]]


def render_side_by_side(found: ConvertedRecipe, notes: Notes, listed: Sequence[KeyNote]) -> str:
    """Return a table: each key of ESPnet3's configs, and what stands for it here.

    Args:
        found: The converted recipe.
        notes: What was noted, with the configs as they are written.
        listed: What becomes of each key.
    """
    here, alone = _values_here(found, notes)
    lines: list[str] = []
    for file in dict.fromkeys(note.file for note in listed):
        rows: Rows = []
        for note in sorted((one for one in listed if one.file == file), key=lambda n: n.line):
            rows += _rows_of(note, here.get((note.file, note.line, note.key), []))
        lines += [f"{file}:", *_format_rows(rows), ""]
    for name, texts in alone.items():
        lines += [f"{name} has of ESPnet3's defaults, or of our own:"]
        lines += [*(f"  {text}" for text in texts), ""]
    return "\n".join(lines)


def _rows_of(note: KeyNote, values: list[str]) -> Rows:
    there = f"{note.key} = {note.text}" if note.text else note.key
    outcome = note.outcome
    if outcome.list == NOT_CARRIED:
        return [(there, f"NOT CARRIED: {outcome.why}")]
    if not values:
        told = f"{outcome.to}: {outcome.why}" if outcome.list != CARRIED else "the same"
        return [(there, told)]
    return [(there if number == 0 else "", value) for number, value in enumerate(values)]


def _format_rows(rows: Rows) -> Iterator[str]:
    for there, here in rows:
        fits = len(there) <= WIDTH
        if not fits:
            yield f"  {there}"
        yield f"  {there if fits else '':{WIDTH}} | {here}".rstrip()


def _values_here(
    found: ConvertedRecipe, notes: Notes
) -> tuple[dict[tuple[str, int, str], list[str]], dict[str, list[str]]]:
    """Return our values by the keys that they come from, and those of no key, by our files."""
    here: dict[tuple[str, int, str], list[str]] = {}
    alone: dict[str, list[str]] = {}
    for name, prefix, draft in _drafts(found):
        for path, value in _leaves(draft.values, ()):
            text = f"{name}: {prefix}{format_path(path)} = {_format_value(value)}"
            place = _origin(draft, path, notes)
            if place is not None:
                here.setdefault(place, []).append(text)
            else:
                alone.setdefault(name, []).append(text.partition(": ")[2])
    return here, alone


def _drafts(found: ConvertedRecipe) -> Iterator[tuple[str, str, ConfigDraft]]:
    for config in found.every_config():
        yield config_name(config), "", config.draft
    for training in manifest_configs(found):
        if training and training.model:
            yield manifest_name(found, training), f"models.{MODEL_NAME}.", training.model
    for phase in found.phases:
        if phase.model:
            yield manifest_name(found, None), f"model of {phase.name}: ", phase.model


def _leaves(value: Plain, path: Path) -> Iterator[tuple[Path, Plain]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _leaves(inner, (*path, key))
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        for index, item in enumerate(value):
            yield from _leaves(item, (*path, index))
    else:
        yield path, value


def _origin(draft: ConfigDraft, path: Path, notes: Notes) -> tuple[str, int, str] | None:
    """Return file, line and key of the recipe that a value of ours comes from, or None."""
    known = next((path[:n] for n in range(len(path), 0, -1) if path[:n] in draft.origins), None)
    if known is None:
        return None
    span = draft.origins[known]
    found = find_key(notes.trees.values(), span, path[len(known) :])
    if found is None:
        return None
    source, start = found[0].key.span.source, found[0].key.span.start
    key = notes.paths.get((source.name, start))
    return (source.name, source.line_column(start)[0], key) if key else None


def _format_value(value: Plain) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 1]}…"
