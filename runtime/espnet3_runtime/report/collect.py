"""Collects from an experiment's directory what the report shows."""

import base64
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from espnet3_runtime.build.lock import Build
from espnet3_runtime.incremental.receipts import Receipt, read_receipt
from espnet3_runtime.report.artifact_schemas import is_results, matches_schema
from espnet3_schemas import LOCK
from espnet3_schemas.build_records import Stage

_AUDIO_BUDGET = 6_000_000  # bytes of sound in one report
_WARNING = re.compile(r"^\S+ \S+ (?:WARNING|ERROR)\s+[\w.]+: (?P<text>.*)$")
_MOST_WARNINGS = 8  # of one stage


@dataclass(frozen=True)
class StageView:
    """A stage and how its last run went."""

    stage: Stage
    receipt: Receipt | None
    warnings: tuple[str, ...] = ()

    @property
    def status(self) -> str:
        """Return done, failed, interrupted, running (which may mean killed), or "not run"."""
        return self.receipt.status if self.receipt else "not run"


@dataclass(frozen=True)
class Example:
    """An utterance with its alignment; ``audio`` is a data URI or empty."""

    utt_id: str
    rank: str
    metric: str
    errors: int
    length: int
    steps: Sequence[Sequence[str]]
    audio: str


@dataclass(frozen=True)
class Scores:
    """What a measure stage found."""

    stage: str
    content: Mapping[str, Any]
    examples: Mapping[str, Sequence[Example]]


@dataclass(frozen=True)
class Training:
    """The rows of ``curves.jsonl`` of a train stage."""

    stage: str
    rows: Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class ReportData:
    """Everything that the report shows."""

    build: Build
    stages: Sequence[StageView]
    trainings: Sequence[Training]
    scores: Sequence[Scores]
    settings: Mapping[str, str]
    sets: Sequence[str] = field(default_factory=tuple)


def read_experiment(exp_dir: Path, build: Build) -> ReportData:
    """Read receipts, curves, scores, examples and settings; what is missing is left out."""
    views = [_stage_view(exp_dir, stage) for stage in build.stages]
    done = {view.stage.name for view in views if view.status == "done"}
    return ReportData(
        build=build,
        stages=views,
        trainings=[
            Training(stage.name, rows)
            for stage in build.stages
            if stage.run == "train"
            and (rows := list(_read_curve_rows(exp_dir / stage.name / "curves.jsonl")))
        ],
        scores=list(_read_scores(exp_dir, build, done)),
        settings=dict(_composed_texts(build)),
        sets=_recorded_overrides(build),
    )


def _stage_view(exp_dir: Path, stage: Stage) -> StageView:
    receipt = read_receipt(exp_dir, stage.name)
    log = exp_dir / stage.name / f"{stage.name}.log"
    found = receipt if isinstance(receipt, Receipt) else None
    return StageView(stage, found, tuple(_logged_warnings(log)) if found else ())


def _logged_warnings(log: Path) -> Sequence[str]:
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    found = (match["text"] for line in text.splitlines() if (match := _WARNING.match(line)))
    return list(dict.fromkeys(found))[:_MOST_WARNINGS]


def _read_curve_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the objects of a JSON lines file; a torn last line is left out."""
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
        examples = {}
        for test in _test_names(content):
            found = _read_json(directory / test / "examples.json")
            known = found if matches_schema(found, "examples") else []
            known = [item for item in known if item["metric"] in content["about"]]
            examples[test], budget = _read_examples(directory / test, known, budget)
        yield Scores(stage.name, content, examples)


def _test_names(content: Mapping[str, Any]) -> list[str]:
    return list(dict.fromkeys(test for by_test in content["metrics"].values() for test in by_test))


def _read_examples(
    directory: Path, found: Sequence[Mapping[str, Any]], budget: int
) -> tuple[list[Example], int]:
    examples = []
    for item in found:
        audio, budget = _audio_uri(directory, item.get("audio"), budget)
        fields = ("utt_id", "rank", "metric", "errors", "length", "steps")
        examples.append(Example(**{name: item[name] for name in fields}, audio=audio))
    return examples, budget


def _audio_uri(directory: Path, name: str | None, budget: int) -> tuple[str, int]:
    """Return a WAV file as a data URI, while the budget lasts."""
    path = directory / name if name else None
    if path is None or not path.is_file() or path.stat().st_size > budget:
        return "", budget
    data = path.read_bytes()
    return f"data:audio/wav;base64,{base64.b64encode(data).decode()}", budget - len(data)


def _composed_texts(build: Build) -> Iterator[tuple[str, str]]:
    """Yield the composed configs and models as text; late values are still references."""
    for kind, entries in (("config", build.configs), ("model", build.models)):
        for name, entry in entries.items():
            text = build.overlay.get(entry.file)
            if text is None:
                try:
                    text = (build.directory / entry.file).read_text(encoding="utf-8")
                except OSError:
                    continue
            yield f"{kind} {name}", text


def _recorded_overrides(build: Build) -> Sequence[str]:
    text = build.overlay.get(LOCK)
    lock = json.loads(text) if text else _read_json(build.directory / LOCK)
    return tuple((lock or {}).get("set", ()))
