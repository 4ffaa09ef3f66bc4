"""The utterances of a test set as a page shows them: the worst first, each with its differences."""

import json
import math
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

MOST_SHOWN = 20_000
"""Utterances of a test set whose texts are in a page; of the others there are the numbers."""
MOST_CHARACTERS = 12_000_000  # of the texts of a test set
_MOST_TOKENS = 1 << 50  # of an utterance; what is more is no count
_PIECE = 10_000  # utterances that are in memory beside those that are kept


class ShownUtterance(NamedTuple):
    """An utterance with its texts.

    Attributes:
        badness: By which the worst comes first.
        utt_id: Its id.
        place: Its place in the test set.
        steps: What was said: texts, and pairs (said, heard) where they differ.
    """

    badness: tuple[float, int, str]
    utt_id: str
    place: int
    steps: Sequence[str | tuple[str, str]]


@dataclass
class AlignedUtterances:
    """The utterances of a test set: numbers of all in their order, texts of the worst."""

    utt_ids: list[str] = field(default_factory=list)
    errors: "array[int]" = field(default_factory=lambda: array("q"))
    lengths: "array[int]" = field(default_factory=lambda: array("q"))
    shown: list[ShownUtterance] = field(default_factory=list)


def read_aligned(path: Path, gap: str, most: int = MOST_SHOWN) -> AlignedUtterances:
    """Read ``utterances.jsonl`` of a metric; lines that cannot be read are left out.

    Args:
        path: The file.
        gap: What stands between two tokens: a space, or nothing between characters.
        most: Utterances whose texts are kept.
    """
    found = AlignedUtterances()
    if not path.is_file():
        return found
    with path.open(encoding="utf-8", errors="replace") as lines:
        while piece := list(islice(lines, _PIECE)):
            for line in piece:
                _add_line(found, line, gap)
            found.shown = sorted(found.shown)[:most]
    return found


def _add_line(found: AlignedUtterances, line: str, gap: str) -> None:
    try:
        record = json.loads(line)
        utt_id, errors = str(record["utt_id"]), int(record["errors"])
        length, steps = int(record["length"]), list(_join_equal(record["steps"], gap))
    except (ValueError, TypeError, KeyError, IndexError, OverflowError, RecursionError):
        return
    if not (0 <= errors < _MOST_TOKENS and 0 <= length < _MOST_TOKENS):
        return
    badness = (-errors / max(length, 1), -errors, utt_id)
    found.shown.append(ShownUtterance(badness, utt_id, len(found.utt_ids), steps))
    found.utt_ids.append(utt_id)
    found.errors.append(errors)
    found.lengths.append(length)


def _join_equal(steps: Sequence[Sequence[str]], gap: str) -> Iterator[str | tuple[str, str]]:
    """Yield texts of tokens that were heard as they were said, and a pair for each other edit."""
    equal: list[str] = []
    for kind, said, heard, *_ in steps:
        if kind == "equal":
            equal.append(str(said))
            continue
        if equal:
            yield gap.join(equal)
        equal = []
        yield str(said), str(heard)
    if equal:
        yield gap.join(equal)


def table_data(utterances: AlignedUtterances, columns: Mapping[str, Any]) -> dict[str, Any]:
    """Return the data of a table, which its script reads: the shown rows first, then the others.

    Args:
        utterances: The utterances.
        columns: The content of ``columns.json``, which may be empty.
    """
    shown = list(_within_budget(utterances.shown))
    first = {one.place for one in shown}
    order = [one.place for one in shown]
    order += [place for place in range(len(utterances.utt_ids)) if place not in first]
    ids = [utterances.utt_ids[place] for place in order]
    return {
        "ids": ids[: len(shown)],
        "steps": [one.steps for one in shown],
        "errors": [utterances.errors[place] for place in order],
        "lengths": [utterances.lengths[place] for place in order],
        "columns": order_columns(columns, ids),
    }


def _within_budget(shown: Sequence[ShownUtterance]) -> Iterator[ShownUtterance]:
    left = MOST_CHARACTERS
    for one in shown:
        left -= sum(
            len(step) if isinstance(step, str) else len(step[0] + step[1]) for step in one.steps
        )
        if left < 0:
            return
        yield one


def order_values(columns: Mapping[str, Any], kind: str, ids: Sequence[str]) -> dict[str, list[Any]]:
    """Return columns, or texts, in the order of some ids; None where an id has no value.

    Args:
        columns: The content of ``columns.json``, which may be empty.
        kind: ``columns`` or ``texts``.
        ids: The ids.
    """
    places = {str(utt_id): place for place, utt_id in enumerate(columns.get("utt_ids", ()))}
    chosen = [places.get(utt_id, -1) for utt_id in ids]
    return {
        name: [values[place] if 0 <= place < len(values) else None for place in chosen]
        for name, values in columns.get(kind, {}).items()
    }


def order_columns(columns: Mapping[str, Any], ids: Sequence[str]) -> list[dict[str, Any]]:
    """Return the columns in the order of the ids: numbers, or texts with the places of each."""
    found = []
    for name, ordered in order_values(columns, "columns", ids).items():
        texts = sorted({value for value in ordered if isinstance(value, str)})
        if texts:
            numbers: dict[Any, int] = {text: number for number, text in enumerate(texts)}
            of = [numbers.get(value) for value in ordered]
            found.append({"name": name, "texts": texts, "of": of})
        else:
            finite = [value if is_finite(value) else None for value in ordered]
            found.append({"name": name, "numbers": finite})
    return found


def is_finite(value: Any) -> bool:
    """Return whether a value is a finite number."""
    return type(value) in (int, float) and math.isfinite(value)
