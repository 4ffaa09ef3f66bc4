"""The best and the worst utterances of a test set, with their audio, for the report."""

import json
from collections.abc import Collection, Iterator, Mapping
from itertools import islice
from logging import Logger
from pathlib import Path
from typing import Any

import numpy as np

from espnet3_runtime.atomic import write_json
from espnet3_runtime.data.audio import Wave, as_wave, write_wav
from espnet3_runtime.data.contract import Contract
from espnet3_runtime.inference.predictor import declared_audio
from espnet3_runtime.metrics.alignment import UTTERANCES
from espnet3_runtime.metrics.inputs.columns import TestResults
from espnet3_runtime.metrics.inputs.waves import read_wave
from espnet3_runtime.metrics.item_scores import ITEM_SCORES
from espnet3_runtime.metrics.items.pictures import read_pictures

Sound = tuple[Wave, int]
"""Samples of one channel, and their rate in Hz."""
Paths = Mapping[str, Mapping[str, str]]
"""Files of recordings, by input of a metric and utterance id."""

_WORST, _BEST = 60, 6
_PIECE = 10_000  # utterances that are in memory at once
_LONGEST = 15.0  # seconds of audio that go into a report


def write_examples(
    results: TestResults,
    metrics: list[str],
    contract: Contract | None,
    compared: Paths,
    log: Logger,
) -> None:
    """Write ``examples.json`` and ``audio/`` of a test set.

    The first metric that aligned, or else the first with scores of items, says which they are.
    Each example has utt_id, rank ("worst" or "best"), metric, errors, length and steps or the
    score, audio (a file, or null where the data set gives none), sounds (name and file of each
    input of a metric that compares recordings), and pictures (:func:`read_pictures`).

    Args:
        results: The test set.
        metrics: Names of the metrics, in their order.
        contract: The declared inputs, which say which field is audio, if any are declared.
        compared: The recordings that a metric compared, if one did.
        log: Gets the reason when there is no audio.
    """
    metric, examples = _choose(results.scratch, metrics, max(len(compared), 1))
    if not examples:
        return
    records = _read_records(results.directory, [item["utt_id"] for item in examples])
    try:
        sounds = dict(_read_audio(results, records, contract, compared))
    except Exception as error:  # noqa: BLE001 - a report needs no audio
        log.info("the examples of %s have no audio: %s", results.name, error)
        sounds = {}
    try:
        files = _write_audio(results.scratch / "audio", sounds)
    except ImportError as error:  # soundfile is an extra
        log.info("the examples of %s have no audio: %s", results.name, error)
        files = {}
    for item in examples:
        made = records[item["utt_id"]].get("files", {})
        audio = files.get(item["utt_id"], {})
        item.update(metric=metric, audio=audio.pop("", None))
        item.update(sounds=[{"name": name, "file": file} for name, file in audio.items()])
        item.update(pictures=read_pictures(results.directory, made))
    write_json(results.scratch / "examples.json", examples)


def _choose(
    directory: Path, metrics: list[str], recordings: int
) -> tuple[str, list[dict[str, Any]]]:
    """Return the metric that says which utterances are shown, and those, the worst first."""
    for name in metrics:
        if (directory / name / UTTERANCES).is_file():
            return name, _choose_examples(directory / name / UTTERANCES)
    for name in metrics:
        if (directory / name / ITEM_SCORES).is_file():
            return name, _choose_by_score(directory / name / ITEM_SCORES, recordings)
    return "", []


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


def _choose_by_score(path: Path, recordings: int) -> list[dict[str, Any]]:
    """Return the items with the worst scores, fewer where each has several recordings.

    Where nobody knows which scores are better, the lowest come first.
    """
    content = json.loads(path.read_text(encoding="utf-8"))
    first = content["scores"][0]
    sign = -1 if first["higher_is_better"] is False else 1
    pairs = zip(first["values"], content["utt_ids"], strict=True)
    known = [{"utt_id": utt_id, "score": value} for value, utt_id in pairs if value is not None]
    order = sorted(known, key=lambda one: sign * one["score"])
    worst, rest = order[: _WORST // recordings], order[_WORST // recordings :]
    best = rest[::-1][:_BEST]
    return [{**one, "rank": "worst"} for one in worst] + [{**one, "rank": "best"} for one in best]


def _read_audio(
    results: TestResults,
    records: Mapping[str, Mapping[str, Any]],
    contract: Contract | None,
    compared: Paths,
) -> Iterator[tuple[str, dict[str, Sound]]]:
    """Yield the recordings of items: what a metric compared, and under "" the declared input."""
    dataset = results.loaded
    for utt_id, record in records.items():
        sample = dataset.raw_sample(record["index"])[1] if dataset is not None else {}
        audio = declared_audio(contract, sample)
        heard = {"": (_first_channel(as_wave(audio[0])), audio[1])} if audio is not None else {}
        files = {name: Path(by_id[utt_id]) for name, by_id in compared.items() if utt_id in by_id}
        yield utt_id, _without_twins(_read_compared(files, heard) | heard)


def _read_compared(files: Mapping[str, Path], heard: Mapping[str, Sound]) -> dict[str, Sound]:
    """Return recordings; an array has the rate of another recording of the item, if one has."""
    waves = {name: read_wave(path) for name, path in files.items() if path.is_file()}
    rates = [rate for _, rate in (*waves.values(), *heard.values()) if rate]
    return {
        name: (_first_channel(wave.astype(np.float32)), rate or rates[0])
        for name, (wave, rate) in waves.items()
        if rate or rates
    }


def _without_twins(sounds: dict[str, Sound]) -> dict[str, Sound]:
    """Leave out the declared input where a metric compared it, under a name that says more."""
    wave = sounds.get("", (None, 0))[0]
    named = [other for name, (other, _) in sounds.items() if name]
    if wave is not None and any(
        wave.shape == other.shape and np.allclose(wave, other, atol=1e-3) for other in named
    ):
        del sounds[""]
    return sounds


def _first_channel(wave: Wave) -> Wave:
    return wave[0] if wave.ndim > 1 else wave


def _read_records(directory: Path, utt_ids: Collection[str]) -> dict[str, dict[str, Any]]:
    """Return what ``infer`` wrote about some items, by utterance id and in their order."""
    records: dict[str, dict[str, Any]] = {utt_id: {} for utt_id in utt_ids}
    with (directory / "results.jsonl").open(encoding="utf-8") as lines:
        for record in map(json.loads, lines):
            if record["utt_id"] in records:
                records[record["utt_id"]] = record
    return records


def _write_audio(
    directory: Path, sounds: Mapping[str, Mapping[str, Sound]]
) -> dict[str, dict[str, str]]:
    """Write the recordings of items; return their files by utterance id and name."""
    files: dict[str, dict[str, str]] = {}
    for number, (utt_id, by_name) in enumerate(sounds.items()):
        files[utt_id] = {}
        for name, (wave, rate) in by_name.items():
            directory.mkdir(exist_ok=True)
            file = directory / (f"{number:02d}-{name}.wav" if name else f"{number:02d}.wav")
            write_wav(file, wave[..., : int(_LONGEST * rate)], rate)
            files[utt_id][name] = f"audio/{file.name}"
    return files
