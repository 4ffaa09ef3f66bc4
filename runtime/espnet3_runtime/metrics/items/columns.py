"""The columns of a test set by which a report sorts, filters and groups its items."""

import json
from collections.abc import Mapping, Sequence
from itertools import chain
from logging import Logger
from typing import Any

from espnet3_runtime.atomic import write_text
from espnet3_runtime.metrics.inputs.columns import TestResults, data_set_column

COLUMNS = "columns.json"
_SECONDS = "seconds"
_LONGEST = 100  # characters of a value


def write_columns(results: TestResults, log: Logger) -> None:
    """Write ``columns.json``: ``{"utt_ids": […], "columns": {name: […]}, "texts": {name: […]}}``.

    There are the texts and numbers that ``infer`` saw in the samples, those that the data set lists
    as its ``columns``, and the seconds of audio.  Texts that are another one for nearly every item,
    such as transcripts, group nothing; they are the ``texts``, unless they are paths.

    Args:
        results: The test set.
        log: Gets the reason where the data set's own columns cannot be read.
    """
    with (results.directory / "results.jsonl").open(encoding="utf-8") as lines:
        records = [json.loads(line) for line in lines]
    utt_ids = [record["utt_id"] for record in records]
    seen = list(dict.fromkeys(chain.from_iterable(record["columns"] for record in records)))
    columns = {name: [record["columns"].get(name) for record in records] for name in seen}
    try:
        columns |= {name: _read_column(results, name, utt_ids) for name in _listed_names(results)}
    except Exception as error:  # noqa: BLE001 - a report needs no columns
        log.info("the columns of %s cannot be read: %s", results.name, error)
    if any(record[_SECONDS] for record in records):
        columns.setdefault(_SECONDS, [round(record[_SECONDS], 3) for record in records])
    useful = {name: _as_groups(values) for name, values in columns.items()}
    groups = {name: values for name, values in useful.items() if values}
    texts = {name: columns[name] for name in columns if name not in groups}
    shown = {name: _as_texts(values) for name, values in texts.items() if not _are_paths(values)}
    content = {"utt_ids": utt_ids, "columns": groups, "texts": shown}
    write_text(results.scratch / COLUMNS, json.dumps(content, ensure_ascii=False) + "\n")


def _listed_names(results: TestResults) -> Sequence[str]:
    """Return the names that every part of the data set lists as its ``columns``."""
    dataset = results.loaded
    members = dataset.members if dataset is not None else ()
    listed = [[str(name) for name in getattr(member, "columns", ())] for member in members]
    return [name for name in listed[0] if all(name in one for one in listed)] if listed else ()


def _read_column(results: TestResults, name: str, utt_ids: Sequence[str]) -> list[Any]:
    found: Mapping[str, str] = data_set_column(results, name) or {}
    return [found.get(utt_id) for utt_id in utt_ids]


def _as_groups(values: Sequence[Any]) -> list[Any]:
    """Return numbers, or texts that items share; nothing where no groups come of them."""
    present = [value for value in values if value is not None]
    if present and all(
        isinstance(one, int | float) and not isinstance(one, bool) for one in present
    ):
        return list(values)
    texts = _as_texts(values, _LONGEST)
    if 2 * len({text for text in texts if text is not None}) <= len(present):
        return texts if present else []
    try:  # a column of a manifest is text, whatever it holds
        return [text if text is None else float(text) for text in texts]
    except ValueError:
        return []


def _as_texts(values: Sequence[Any], longest: int | None = None) -> list[str | None]:
    return [None if value is None else str(value)[:longest] for value in values]


def _are_paths(values: Sequence[Any]) -> bool:
    present = [str(value) for value in values if value is not None]
    return all("/" in text and " " not in text for text in present)
