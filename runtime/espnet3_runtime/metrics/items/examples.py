"""The best and the worst utterances of a test set, with their audio, for the report."""

import json
from collections.abc import Collection, Mapping
from itertools import islice
from logging import Logger
from pathlib import Path
from typing import Any

from espnet3_runtime.atomic import write_json
from espnet3_runtime.data.audio import Wave, as_wave, write_wav
from espnet3_runtime.data.contract import Contract
from espnet3_runtime.inference.predictor import declared_audio
from espnet3_runtime.metrics.alignment import UTTERANCES
from espnet3_runtime.metrics.inputs.columns import TestResults
from espnet3_runtime.metrics.items.pictures import read_pictures

_WORST, _BEST = 60, 6
_PIECE = 10_000  # utterances that are in memory at once
_LONGEST = 15.0  # seconds of audio that go into a report


def write_examples(
    results: TestResults, metrics: list[str], contract: Contract | None, log: Logger
) -> None:
    """Write ``examples.json`` and ``audio/`` of a test set, after the first metric that aligned.

    Each example has utt_id, rank ("worst" or "best"), metric, errors, length, steps, audio (a file,
    or null where the data set gives none), and pictures (:func:`read_pictures`).

    Args:
        results: The test set.
        metrics: Names of the metrics, in their order.
        contract: The declared inputs, which say which field is audio, if any are declared.
        log: Gets the reason when there is no audio.
    """
    aligned = [name for name in metrics if (results.scratch / name / UTTERANCES).is_file()]
    if not aligned:
        return
    examples = _choose_examples(results.scratch / aligned[0] / UTTERANCES)
    records = _read_records(results.directory, [item["utt_id"] for item in examples])
    try:
        waves = _read_audio(results, records, contract)
    except Exception as error:  # noqa: BLE001 - a report needs no audio
        log.info("the examples of %s have no audio: %s", results.name, error)
        waves = {}
    audio = _write_audio(results.scratch / "audio", waves)
    for item in examples:
        files = records[item["utt_id"]].get("files", {})
        pictures = read_pictures(results.directory, files)
        item.update(metric=aligned[0], audio=audio.get(item["utt_id"]), pictures=pictures)
    write_json(results.scratch / "examples.json", examples)


def _choose_examples(path: Path) -> list[dict[str, Any]]:
    """Return the utterances with the highest error rates, and long ones without an error."""
    wrong: list[dict[str, Any]] = []
    right: list[dict[str, Any]] = []
    with path.open(encoding="utf-8") as lines:
        while records := [json.loads(line) for line in islice(lines, _PIECE)]:
            errors = (one for one in records if one["errors"])
            wrong = sorted([*wrong, *errors], key=_by_errors)[:_WORST]
            perfect = (one for one in records if one["length"] and not one["errors"])
            right = sorted([*right, *perfect], key=_by_length)[:_BEST]
    worst = [{**record, "rank": "worst"} for record in wrong]
    return worst + [{**record, "rank": "best"} for record in right]


def _by_errors(record: dict[str, Any]) -> tuple[float, int, str]:
    return -record["errors"] / max(record["length"], 1), -record["errors"], record["utt_id"]


def _by_length(record: dict[str, Any]) -> tuple[int, str]:
    return -record["length"], record["utt_id"]


def _read_audio(
    results: TestResults, records: Mapping[str, Mapping[str, Any]], contract: Contract | None
) -> dict[str, tuple[Wave, int]]:
    dataset = results.loaded
    if dataset is None:
        return {}
    waves = {}
    for utt_id, record in records.items():
        audio = declared_audio(contract, dataset.raw_sample(record["index"])[1])
        if audio is not None:
            wave = as_wave(audio[0])
            waves[utt_id] = (wave[0] if wave.ndim > 1 else wave), audio[1]
    return waves


def _read_records(directory: Path, utt_ids: Collection[str]) -> dict[str, dict[str, Any]]:
    """Return what ``infer`` wrote about some items, by utterance id and in their order."""
    records: dict[str, dict[str, Any]] = {utt_id: {} for utt_id in utt_ids}
    with (directory / "results.jsonl").open(encoding="utf-8") as lines:
        for record in map(json.loads, lines):
            if record["utt_id"] in records:
                records[record["utt_id"]] = record
    return records


def _write_audio(directory: Path, waves: Mapping[str, tuple[Wave, int]]) -> dict[str, str]:
    files = {}
    for number, (utt_id, (wave, rate)) in enumerate(waves.items()):
        directory.mkdir(exist_ok=True)
        file = directory / f"{number:02d}.wav"
        write_wav(file, wave[..., : int(_LONGEST * rate)], rate)
        files[utt_id] = f"audio/{file.name}"
    return files
