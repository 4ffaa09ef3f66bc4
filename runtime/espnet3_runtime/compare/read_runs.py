"""The runs of an experiment: each training with its scores, and measurements of other weights."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from espnet3_runtime.compare.find_experiments import LeftOut, NamedExperiment
from espnet3_runtime.compare.scores import Score, measured_scores, training_scores
from espnet3_runtime.compare.settings import read_settings
from espnet3_runtime.compare.utterances import UtteranceFile
from espnet3_runtime.incremental.receipts import Receipt, read_receipt
from espnet3_runtime.metrics.alignment import UTTERANCES
from espnet3_runtime.metrics.item_scores import ITEM_SCORES
from espnet3_runtime.report.artifact_schemas import is_results
from espnet3_runtime.trackers.run_records import read_training_record


@dataclass(frozen=True)
class ComparedRun:
    """A line of the comparison.

    Attributes:
        experiment: The directory of the experiment.
        stage: The train stage; the measure stage where the weights are of no training here.
        measured_by: The measure stage, if there is one.
        scores: By name.
        settings: Flat, of training, model and inference.
        seconds: How long the training took.
        parameters: Of the model, where that is known.
        finished: When the last of its stages finished, as ISO time.
        commit: Of git, shortened; ``+`` marks uncommitted changes.
        curves: The file of its curves, if it was trained here.
        utterances: What metrics wrote of the utterances, by test set; alignments come first.
    """

    experiment: Path
    stage: str
    measured_by: str = ""
    scores: Mapping[str, Score] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    seconds: float | None = None
    parameters: int | None = None
    finished: str = ""
    commit: str = ""
    curves: Path | None = None
    utterances: Mapping[str, tuple[UtteranceFile, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class _Measurement:
    """A finished measure stage and its ``metrics.json``."""

    receipt: Receipt
    report: Mapping[str, Any]


def read_runs(named: NamedExperiment) -> tuple[list[ComparedRun], list[LeftOut]]:
    """Return the runs of an experiment, and its stages that did not finish."""
    directory = named.directory
    done, left_out = _read_receipts(directory)
    measurements, unusable = _read_measurements(directory, done)
    trainings = [receipt for receipt in done.values() if receipt.inputs.get("what") == "train"]
    runs = []
    for training in trainings:
        behind: list[_Measurement | None] = [x for x in measurements if _is_of(x, training)]
        runs += [_make_run(directory, done, training, one) for one in behind or [None]]
    of_none = [one for one in measurements if not any(_is_of(one, each) for each in trainings)]
    runs += [_make_run(directory, done, None, one) for one in of_none]
    if named.stage is not None:
        runs = [run for run in runs if named.stage in (run.stage, run.measured_by)]
        left_out = [one for one in left_out if one.path == str(directory / named.stage)]
    return runs, [*left_out, *unusable]


def _read_receipts(directory: Path) -> tuple[dict[str, Receipt], list[LeftOut]]:
    done, left_out = {}, []
    for file in sorted((directory / "stages").glob("*.json")):
        receipt = read_receipt(directory, file.stem)
        path = str(directory / file.stem)
        if not isinstance(receipt, Receipt):
            reason = f"its receipt is unusable: {receipt.reason}" if receipt else "has no receipt"
            left_out.append(LeftOut(path, reason))
        elif receipt.status == "done":
            done[receipt.stage] = receipt
        else:
            words = {"running": "is running, or was killed", "interrupted": "was interrupted"}
            left_out.append(LeftOut(path, words.get(receipt.status, f"failed: {receipt.error}")))
    return done, left_out


def _read_measurements(
    directory: Path, done: Mapping[str, Receipt]
) -> tuple[list[_Measurement], list[LeftOut]]:
    found, left_out = [], []
    for receipt in done.values():
        if receipt.inputs.get("what") != "measure":
            continue
        path = directory / receipt.stage / "metrics.json"
        try:
            report = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            report = None
        if is_results(report):
            found.append(_Measurement(receipt, report))
        else:
            left_out.append(LeftOut(str(path), "holds no scores that can be shown"))
    return found, left_out


def _is_of(measurement: _Measurement, training: Receipt) -> bool:
    """Say whether scores are those of weights that a training made."""
    checkpoint = measurement.report.get("checkpoint") or {}
    wanted = (checkpoint.get("path"), checkpoint.get("sha256"))
    return wanted in {(made.path, made.sha256) for made in training.outputs.values()}


def _make_run(
    directory: Path,
    done: Mapping[str, Receipt],
    training: Receipt | None,
    measurement: _Measurement | None,
) -> ComparedRun:
    measured = measurement.receipt if measurement else None
    receipts = [*([training] if training else []), *_inference_of(measured, done)]
    first = training or measured
    assert first is not None
    settings = read_settings(receipts, _directory_in_configs(first))
    scores = dict(measured_scores(measurement.report)) if measurement else {}
    record = read_training_record(directory / training.stage) if training else None
    all_receipts = [*receipts, *([measured] if measured else [])]
    return ComparedRun(
        experiment=directory,
        stage=first.stage,
        measured_by=measured.stage if measured else "",
        scores={
            **scores,
            **(dict(training_scores(training.results, settings)) if training else {}),
        },
        settings=settings,
        seconds=training.seconds if training else None,
        parameters=(record.hyperparameters.get("parameters") if record else None),
        finished=max((one.finished or "" for one in all_receipts), default=""),
        commit=_commit_of(first),
        curves=directory / training.stage / "curves.jsonl" if training else None,
        utterances=_find_utterances(directory, measurement) if measurement else {},
    )


def _inference_of(measured: Receipt | None, done: Mapping[str, Receipt]) -> list[Receipt]:
    upstream = measured.inputs.get("upstream") if measured else None
    names = {key.partition(".")[0] for key in upstream or {}}
    return [done[name] for name in sorted(names & done.keys()) if _is_inference(done[name])]


def _is_inference(receipt: Receipt) -> bool:
    return receipt.inputs.get("what") == "infer"


def _directory_in_configs(receipt: Receipt) -> str:
    """Return the experiment's directory as paths in receipts begin: ``exp/a``."""
    for output in receipt.outputs.values():
        head, found, _ = output.path.rpartition(f"/{receipt.stage}")
        if found:
            return head
    return ""


def _commit_of(receipt: Receipt) -> str:
    git = receipt.provenance.get("git")
    state = git if isinstance(git, Mapping) else {}
    commit = str(state.get("commit") or "")[:8]
    return f"{commit}+" if commit and state.get("dirty") else commit


def _find_utterances(
    directory: Path, measurement: _Measurement
) -> dict[str, tuple[UtteranceFile, ...]]:
    found: dict[str, list[UtteranceFile]] = {}
    for test, file in _utterance_files(directory, measurement):
        if file.path.is_file():
            found.setdefault(test, []).append(file)
    return {
        test: tuple(sorted(files, key=lambda file: file.path.name != UTTERANCES))
        for test, files in found.items()
    }


def _utterance_files(
    directory: Path, measurement: _Measurement
) -> Iterator[tuple[str, UtteranceFile]]:
    for metric, by_test in measurement.report["metrics"].items():
        gap = "" if measurement.report["about"][metric]["target"].endswith("CER") else " "
        for test in by_test:
            for name in (UTTERANCES, ITEM_SCORES):
                path = directory / measurement.receipt.stage / test / metric / name
                yield test, UtteranceFile(path, gap)


def run_labels(runs: Sequence[ComparedRun]) -> list[str]:
    """Return a name for each run: experiment and stage, and who measured it where that differs."""
    by_tag: dict[str, set[Path]] = {}
    for run in runs:
        by_tag.setdefault(run.experiment.name, set()).add(run.experiment)
    labels = [
        f"{tag if len(by_tag[tag]) == 1 else run.experiment}/{run.stage}"
        for run in runs
        for tag in [run.experiment.name]
    ]
    counts = Counter(labels)
    return [
        f"{label} · {run.measured_by}" if counts[label] > 1 and run.measured_by else label
        for label, run in zip(labels, runs, strict=True)
    ]
