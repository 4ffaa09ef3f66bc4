"""Read the content of the report from the directory of an experiment."""

import base64
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml

from espnet3_runtime.build.lock import Build
from espnet3_runtime.incremental.receipts import Receipt, read_receipt
from espnet3_runtime.process.redact import hide_secrets, redact_command
from espnet3_runtime.report.artifact_schemas import is_results, matches_schema
from espnet3_runtime.report.item_tables import item_table
from espnet3_runtime.report.utterances import read_aligned, table_data
from espnet3_runtime.trackers.run_records import TrackedRun, read_training_record
from espnet3_schemas import LOCK
from espnet3_schemas.build_records import Stage

_AUDIO_BUDGET = 6_000_000  # bytes of sound in one report
_WARNING = re.compile(r"^\S+ \S+ (?:WARNING|ERROR)\s+[\w.]+: (?P<text>.*)$")
_MOST_WARNINGS = 8  # of one stage
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class StageView:
    """A stage and how its last run went.

    Attributes:
        stage: The stage.
        receipt: Of its last run.
        warnings: What it logged.
        cause: The failed stage because of which it has not run since.
    """

    stage: Stage
    receipt: Receipt | None
    warnings: tuple[str, ...] = ()
    cause: str = ""

    @property
    def status(self) -> str:
        """Return done, failed, interrupted, running (which may mean killed), or "not run"."""
        return self.receipt.status if self.receipt else "not run"


@dataclass(frozen=True)
class UtteranceTable:
    """The utterances of a test set, aligned or scored by a metric.

    Attributes:
        test: Its name.
        metric: That of the metric.
        gap: What stands between two tokens of an alignment.
        data: See :func:`~espnet3_runtime.report.utterances.table_data` and
            :func:`~espnet3_runtime.report.item_tables.item_table`.
    """

    test: str
    metric: str
    gap: str
    data: Mapping[str, Any]


@dataclass(frozen=True)
class Scores:
    """The results of a measure stage.

    Attributes:
        stage: Its name.
        content: The content of ``metrics.json``.
        tables: The utterances, by each metric that aligned or scored them.
        media: By test set and utterance id: ``sounds``, names and data URIs or paths beside the
            page, and ``pictures`` of outputs.
    """

    stage: str
    content: Mapping[str, Any]
    tables: Sequence[UtteranceTable]
    media: Mapping[str, Mapping[str, Mapping[str, Any]]]


@dataclass(frozen=True)
class ReportData:
    """Everything that the report shows.

    Attributes:
        build: The compiled recipe.
        stages: All stages in order.
        trainings: The rows of ``curves.jsonl`` by train stage.
        scores: One for each measure stage.
        settings: Composed configs and models as text, by name.
        sets: The values that were set on the command line.
        tracked: The runs in loggers, by train stage.
        has_index: Whether a page compares the experiments beside this one.
    """

    build: Build
    stages: Sequence[StageView]
    trainings: Mapping[str, Sequence[Mapping[str, Any]]]
    scores: Sequence[Scores]
    settings: Mapping[str, str]
    sets: Sequence[str]
    tracked: Mapping[str, Sequence[TrackedRun]]
    has_index: bool


def read_experiment(exp_dir: Path, build: Build) -> ReportData:
    """Read receipts, curves, scores, examples and settings; missing files are left out."""
    views = _with_causes([_stage_view(exp_dir, stage, build) for stage in build.stages])
    done = {view.stage.name for view in views if view.status == "done"}
    return ReportData(
        build=build,
        stages=views,
        trainings={
            stage.name: rows
            for stage in build.stages
            if stage.run == "train"
            and (rows := list(read_curve_rows(exp_dir / stage.name / "curves.jsonl")))
        },
        scores=list(_read_scores(exp_dir, build, done)),
        settings=dict(_composed_texts(build)),
        sets=_recorded_overrides(build),
        tracked={
            stage.name: record.runs
            for stage in build.stages
            if stage.run == "train"
            and (record := read_training_record(exp_dir / stage.name)) is not None
        },
        has_index=(exp_dir.parent / "index.html").is_file(),
    )


def _stage_view(exp_dir: Path, stage: Stage, build: Build) -> StageView:
    receipt = read_receipt(exp_dir, stage.name)
    log = build.log_of(stage) if stage.log_dir else exp_dir / stage.name / f"{stage.name}.log"
    found = receipt if isinstance(receipt, Receipt) else None
    return StageView(stage, found, tuple(_logged_warnings(log)) if found else ())


def _with_causes(views: Sequence[StageView]) -> list[StageView]:
    """Return the stages, those that a failure kept from running with its name."""
    failures: dict[str, StageView] = {}
    found = []
    for view in views:
        failed = next((failures[name] for name in view.stage.needs if name in failures), None)
        if view.status == "failed":
            failures[view.stage.name] = view
        elif failed is not None and _started(view) < _started(failed):
            failures[view.stage.name] = failed
            view = replace(view, cause=failed.stage.name)  # noqa: PLW2901 - the same stage
        found.append(view)
    return found


def _started(view: StageView) -> str:
    return view.receipt.started if view.receipt else ""


def _logged_warnings(log: Path) -> Sequence[str]:
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    found = (match["text"] for line in text.splitlines() if (match := _WARNING.match(line)))
    return list(dict.fromkeys(found))[:_MOST_WARNINGS]


def read_curve_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the objects of a JSON lines file; an incomplete last line is left out."""
    if not path.is_file():
        return
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            try:
                row = json.loads(line)
            except (ValueError, RecursionError):
                return
            if matches_schema(row, "curve"):
                yield row


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None


def _read_scores(exp_dir: Path, build: Build, done: set[str]) -> Iterator[Scores]:
    budget = _AUDIO_BUDGET
    for stage in build.stages:
        directory = exp_dir / stage.name
        content = _read_json(directory / "metrics.json")
        if stage.run != "measure" or stage.name not in done or not is_results(content):
            continue
        media: dict[str, dict[str, dict[str, Any]]] = {}
        for test in dict.fromkeys(test for tests in content["metrics"].values() for test in tests):
            media[test], budget = _read_media(exp_dir, directory / test, budget)
        yield Scores(stage.name, content, list(_read_tables(directory, content)), media)


def _read_media(
    exp_dir: Path, directory: Path, budget: int
) -> tuple[dict[str, dict[str, Any]], int]:
    """Return what can be heard and seen of a test set, by utterance id, and the budget left."""
    found = _read_json(directory / "examples.json")
    media: dict[str, dict[str, Any]] = {}
    for item in found if matches_schema(found, "examples") else ():
        sounds, pictures = [], item.get("pictures", ())
        named = [(one["name"], one["file"]) for one in item.get("sounds", ())]
        for name, file in (("", item.get("audio")), *named):
            sound, budget = _audio_source(exp_dir, directory, file, budget)
            sounds += [(name, sound)] if sound else []
        if sounds or pictures:
            media[item["utt_id"]] = {"sounds": sounds, "pictures": pictures}
    return media, budget


def _read_tables(directory: Path, content: Mapping[str, Any]) -> Iterator[UtteranceTable]:
    for metric, by_test in content["metrics"].items():
        gap = "" if content["about"][metric]["target"].endswith("CER") else " "
        for test in by_test:
            columns = _read_json(directory / test / "columns.json")
            known = columns if matches_schema(columns, "columns") else {}
            folder = directory / test / metric
            utterances = read_aligned(folder / "utterances.jsonl", gap)
            if utterances.utt_ids:
                yield UtteranceTable(test, metric, gap, table_data(utterances, known))
                continue
            scored = _read_json(folder / "item_scores.json")
            if matches_schema(scored, "item_scores") and scored["utt_ids"]:
                yield UtteranceTable(test, metric, gap, item_table(scored, known))


def _audio_source(exp_dir: Path, directory: Path, name: str | None, budget: int) -> tuple[str, int]:
    """Return a WAV file as a data URI while the budget lasts, and then its path from the page."""
    path = directory / name if name else None
    if path is None or not path.is_file() or not path.is_relative_to(exp_dir):
        return "", budget
    if path.stat().st_size > budget:
        return quote(path.relative_to(exp_dir).as_posix()), budget
    data = path.read_bytes()
    return f"data:audio/wav;base64,{base64.b64encode(data).decode()}", budget - len(data)


def _composed_texts(build: Build) -> Iterator[tuple[str, str]]:
    """Yield the composed configs and models as text; late values are still references."""
    for kind, entries in (("config", build.configs), ("model", build.models)):
        for name, entry in entries.items():
            try:
                text = build.overlay.get(entry.file)
                if text is None:
                    text = (build.directory / entry.file).read_text(encoding="utf-8")
                shown = _hide_in_text(text)
            except (OSError, ValueError, RecursionError, yaml.YAMLError):
                continue  # changed by hand since: nobody knows which of it is secret
            yield f"{kind} {name}", shown


def _hide_in_text(text: str) -> str:
    """Return a config as it is written, or without its comments where secrets had to be hidden."""
    values = yaml.load(text, Loader=_LOADER)  # noqa: S506 - both are safe loaders
    hidden = hide_secrets(values)
    if hidden == values:
        return text
    return yaml.safe_dump(hidden, sort_keys=False, allow_unicode=True)


def _recorded_overrides(build: Build) -> Sequence[str]:
    text = build.overlay.get(LOCK)
    lock = json.loads(text) if text else _read_json(build.directory / LOCK)
    return tuple(redact_command((lock or {}).get("set", ()), ()))
