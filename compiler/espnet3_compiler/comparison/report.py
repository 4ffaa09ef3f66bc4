"""Differences as text for people and as JSON."""

import json
from collections.abc import Iterator, Sequence

from espnet3_compiler.comparison.contents import PlacedValue, RecipeContents
from espnet3_compiler.comparison.differences import RecipeDifference

MARKS = {"added": "+", "removed": "-", "changed": "~"}
LONGEST_VALUE = 60


def render_text(
    left: RecipeContents, right: RecipeContents, found: Sequence[RecipeDifference]
) -> str:
    """Return the differences for a person, each with both places.

    Args:
        left: What the first recipe comes to.
        right: What the second one comes to.
        found: Their differences.
    """
    lines = [note for note in (left.note, right.note) if note]
    for difference in found:
        lines += _difference_lines(difference)
    names = f"{left.name} and {right.name}"
    if left.name == right.name:
        names = f"{left.name} against itself"
    count = f"{len(found)} difference{'' if len(found) == 1 else 's'}" if found else "no difference"
    return "\n".join([*lines, f"{names}: {count} after composition"]) + "\n"


def _difference_lines(difference: RecipeDifference) -> Iterator[str]:
    left, right = difference.left, difference.right
    what = difference.path
    if difference.also:
        block = difference.path.partition(".")[0]
        what += f" (and of {', '.join(f'{block}.{name}' for name in difference.also)})"
    values = [_format_value(value) for value in (left, right) if value is not None]
    values = [value for value in values if value != "null" or len(values) > 1]
    tail = f": {' -> '.join(values)}" if values else ""
    yield f"{MARKS[difference.change]} {what}{tail}"
    places = [value.place for value in (left, right) if value is not None]
    yield f"    {' -> '.join(places)}"


def _format_value(value: PlacedValue) -> str:
    text = json.dumps(value.value, ensure_ascii=False)
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 1]}…"


def render_json(
    left: RecipeContents, right: RecipeContents, found: Sequence[RecipeDifference]
) -> str:
    """Return the differences as one JSON object.

    Args:
        left: What the first recipe comes to.
        right: What the second one comes to.
        found: Their differences.
    """
    answer = {
        "left": left.name,
        "right": right.name,
        "equal": not found,
        "notes": [note for note in (left.note, right.note) if note],
        "differences": [
            {
                "change": one.change,
                "path": one.path,
                "also": list(one.also),
                "left": _as_object(one.left),
                "right": _as_object(one.right),
            }
            for one in found
        ],
    }
    return json.dumps(answer, indent=2, ensure_ascii=False) + "\n"


def _as_object(value: PlacedValue | None) -> dict[str, object] | None:
    return None if value is None else {"value": value.value, "place": value.place}
