"""The items of a test set as a page shows them where a metric scored each of them."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from espnet3_runtime.report.utterances import (
    MOST_CHARACTERS,
    MOST_SHOWN,
    is_finite,
    order_columns,
    order_values,
)

_PAIR = ("ref", "hyp")


def item_table(
    scored: Mapping[str, Any], columns: Mapping[str, Any], most: int = MOST_SHOWN
) -> dict[str, Any]:
    """Return the data of a table, which its script reads: the shown rows first, then the others.

    The worst come first by the first score, or the first of the test set where nobody knows which
    scores are better.

    Args:
        scored: The content of ``item_scores.json``.
        columns: The content of ``columns.json``, which may be empty.
        most: Items whose ids and texts are kept.
    """
    ids = [str(utt_id) for utt_id in scored["utt_ids"]]
    scores = [
        {**score, "values": _fit(score["values"], len(ids), is_finite)}
        for score in scored["scores"]
    ]
    order = _worst_first(scores[0]["values"], scores[0].get("higher_is_better"))
    ordered_ids = [ids[place] for place in order]
    texts = {
        name: [values[place] or "" for place in order]
        for name, one in scored["texts"].items()
        if (values := _fit(one, len(ids), lambda value: isinstance(value, str)))
    } or _texts_of_data(columns, ordered_ids)
    shown = _count_within_budget(list(texts.values()), min(most, len(ids)))
    return {
        "ids": ordered_ids[:shown],
        "texts": [{"name": name, "values": values[:shown]} for name, values in texts.items()],
        "pair": list(_PAIR) if texts.keys() >= set(_PAIR) else None,
        "scores": [
            {
                "name": score["name"],
                "numbers": [score["values"][place] for place in order],
                "higher": score.get("higher_is_better"),
                "unit": score.get("unit") or "",
            }
            for score in scores
        ],
        "columns": order_columns(columns, ordered_ids),
    }


def _texts_of_data(columns: Mapping[str, Any], ids: Sequence[str]) -> dict[str, list[str]]:
    """Return what the data says of the items, such as transcripts."""
    return {
        name: [value if isinstance(value, str) else "" for value in values]
        for name, values in order_values(columns, "texts", ids).items()
    }


def _fit(values: Sequence[Any], length: int, fits: Any) -> list[Any]:
    """Return as many values, None in place of those that do not fit."""
    found = [value if fits(value) else None for value in islice(values, length)]
    return found + [None] * (length - len(found))


def _worst_first(values: Sequence[float | None], higher: bool | None) -> list[int]:
    if higher is None:
        return list(range(len(values)))
    sign = 1 if higher else -1
    return sorted(range(len(values)), key=lambda place: _sorting_key(values[place], sign))


def _sorting_key(value: float | None, sign: int) -> tuple[bool, float]:
    return (value is None, 0.0 if value is None else sign * value)


def _count_within_budget(texts: Sequence[Sequence[str]], most: int) -> int:
    left = MOST_CHARACTERS
    for place, row in enumerate(_rows(texts, most)):
        left -= sum(map(len, row))
        if left < 0:
            return place
    return most


def _rows(texts: Sequence[Sequence[str]], most: int) -> Iterator[tuple[str, ...]]:
    return islice(zip(*texts, strict=True), most)
