"""The report of a conversion: its three lists, for people and as JSON."""

import json
from collections.abc import Iterator, Sequence

from espnet3_compiler.convert.notes import CARRIED, CHANGED, NOT_CARRIED, KeyNote, Outcome
from espnet3_compiler.output.summary import plural

FORMAT = "espnet3-compile/from-espnet3"
TITLES = {NOT_CARRIED: "not carried", CHANGED: "changed"}


def render_text(notes: Sequence[KeyNote]) -> str:
    """Return the lists for a person: what is lost first, of what is carried the number alone."""
    lines = []
    for name, title in TITLES.items():
        listed = [note for note in notes if note.outcome.list == name]
        if listed:
            lines += ["", f"{title} ({len(listed)}):", *_render_list(listed)]
    carried = sum(note.outcome.list == CARRIED for note in notes)
    return "\n".join([*lines, "", f"carried: {plural(carried, 'key')}"]) + "\n"


def _render_list(notes: Sequence[KeyNote]) -> list[str]:
    """Return the lines of one list: keys of one block with one reason once, then the places."""
    places: dict[tuple[str, Outcome], list[str]] = {}
    blocks = {(note.file, note.key, note.outcome) for note in notes}
    for note in notes:
        if any((note.file, above, note.outcome) in blocks for above in _keys_above(note.key)):
            continue
        place = f"{note.file}:{note.line}" if note.line else note.file
        places.setdefault((note.key, note.outcome), []).append(place)
    lines = []
    for (key, outcome), where in places.items():
        to = f" -> {outcome.to}" if outcome.to else ""
        lines.append(f"  {key}{to}: {outcome.why}" if key else f"  {outcome.why}")
        lines.append(f"      {', '.join(where)}")
    return lines


def _keys_above(key: str) -> Iterator[str]:
    """Yield the keys above one: ``a`` and ``a[0]`` for ``a[0].b``."""
    for index, letter in enumerate(key):
        if letter in ".[":
            yield key[:index]


def render_json(notes: Sequence[KeyNote], written: Sequence[str], *, clean: bool) -> str:
    """Return the lists as JSON.

    Args:
        notes: What becomes of each key.
        written: The paths of the files that were written.
        clean: Whether the checker finds no mistake in them.
    """
    lists: dict[str, list[dict[str, object]]] = {CARRIED: [], CHANGED: [], NOT_CARRIED: []}
    for note in notes:
        item: dict[str, object] = {"file": note.file, "line": note.line, "key": note.key}
        outcome = note.outcome
        item |= {"to": outcome.to} if outcome.to else {}
        item |= {"why": outcome.why} if outcome.why else {}
        lists[outcome.list].append(item)
    value = {
        "format": FORMAT,
        "schema_version": 2,
        "written": list(written),
        "clean": clean,
        "carried": lists[CARRIED],
        "changed": lists[CHANGED],
        "not_carried": lists[NOT_CARRIED],
    }
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
