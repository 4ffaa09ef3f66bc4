"""Render the report as one HTML page."""

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from itertools import chain
from typing import Any

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from espnet3_runtime.metrics.table import format_value
from espnet3_runtime.process.progress import format_duration, format_size
from espnet3_runtime.report.artifact_schemas import matches_schema
from espnet3_runtime.report.collect import ReportData, Scores, StageView
from espnet3_runtime.report.curves import step_times, summarize_training, training_charts
from espnet3_runtime.report.graph import ROW, draw_graph

_SCRIPTS = (
    *("elements.js", "pictures.js", "sentences.js", "confusions.js"),
    *("utterances.js", "charts.js", "settings.js"),
)
_SHOWN_CHARTS = 12  # of a training; further ones are folded away
_PACKAGES = ("torch", "lightning", "numpy", "espnet3-compile")


def render_page(experiment: ReportData) -> str:
    """Return the report as HTML that needs no network.

    Audio beyond what fits lies in files beside it; scripts other than its own do not run.
    """
    scripts = [_read_part(name) for name in _SCRIPTS]
    drawn, width = draw_graph(experiment.stages)
    receipts = [view.receipt for view in experiment.stages if view.receipt is not None]
    scores = {item.stage: list(_score_rows(item)) for item in experiment.scores}
    return _page_template().render(
        style=Markup(_read_part("report.css")),  # noqa: S704 - ours
        scripts=[Markup(script) for script in scripts],  # noqa: S704 - ours
        script_hashes=[_source_hash(script) for script in scripts],
        build=experiment.build,
        stages=experiment.stages,
        graph=drawn,
        row=ROW,
        graph_width=width,
        longest=max((receipt.seconds for receipt in receipts), default=0.0) or 1.0,
        total=sum(receipt.seconds for receipt in receipts),
        finished=max((receipt.finished or "" for receipt in receipts), default=""),
        cards=list(_metric_cards(scores)),
        warnings=list(_stage_warnings(experiment.stages)),
        trainings=[
            (stage, summarize_training(rows), training_charts(rows), step_times(rows))
            for stage, rows in experiment.trainings.items()
        ],
        scores=list(scores.items()),
        shown_charts=_SHOWN_CHARTS,
        tables=[(item.stage, table) for item in experiment.scores for table in item.tables],
        media=[(item.stage, *pair) for item in experiment.scores for pair in item.media.items()],
        has_files=_has_audio_files(experiment.scores),
        settings=experiment.settings,
        sets=experiment.sets,
        tracked=[(s, run) for s, runs in experiment.tracked.items() for run in runs],
        has_index=experiment.has_index,
        provenance=_latest_provenance(experiment.stages),
        checkpoints=[item.content.get("checkpoint") for item in experiment.scores],
    )


@cache
def _page_template() -> Template:
    """Return the compiled template: the report is written many times while a stage runs."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["duration"] = format_duration
    environment.filters["size"] = format_size
    environment.filters["script_json"] = script_json
    return environment.from_string(_read_part("report.html.j2"))


def _read_part(name: str) -> str:
    return (files("espnet3_runtime.report") / name).read_text(encoding="utf-8")


def _metric_cards(scores: Mapping[str, Sequence[Mapping[str, Any]]]) -> Iterator[dict[str, str]]:
    for stage, rows in scores.items():
        for row in rows:
            label = f"{row['metric']} · {row['test']}"
            shown = f"{stage} · {label}" if len(scores) > 1 else label
            yield {"value": row["value"], "label": shown}


def _stage_warnings(stages: Sequence[StageView]) -> Iterator[tuple[str, str, str]]:
    """Yield (kind, stage, text), errors first."""
    for view in stages:
        if view.receipt is not None and view.receipt.error:
            yield "error", view.stage.name, view.receipt.error
        elif view.status == "interrupted":
            yield "warning", view.stage.name, "was interrupted; run the same command to go on"
        elif view.status == "running":
            yield "warning", view.stage.name, "is running, or was killed"
    for view in (view for view in stages if view.cause):
        when = "not run" if view.receipt is None else "not run again"
        yield "warning", view.stage.name, f"was {when} because of {view.cause}, which failed"
    now = {
        f"{view.stage.name}.{output}": record.sha256
        for view in stages
        if view.receipt is not None and view.status == "done"
        for output, record in view.receipt.outputs.items()
    }
    for view in stages:
        for name in _outdated_inputs(view, now):
            yield "warning", view.stage.name, f"was made from an earlier result of {name}"
    for view in stages:
        yield from (("warning", view.stage.name, text) for text in view.warnings)
    dirty = [view for view in stages if view.receipt and _git_state(view).get("dirty")]
    if dirty:
        names = ", ".join(view.stage.name for view in dirty)
        yield "note", names, "ran with changes that were not committed to git"


def _outdated_inputs(view: StageView, now: Mapping[str, str]) -> list[str]:
    """Return the stages whose outputs, hashed as they are ``now``, changed since a stage ran."""
    if view.receipt is None or view.status != "done":
        return []
    upstream = view.receipt.inputs.get("upstream")
    read = upstream if isinstance(upstream, Mapping) else {}
    changed = [key for key, sha256 in read.items() if now.get(key, sha256) != sha256]
    return list(dict.fromkeys(key.partition(".")[0] for key in changed))


def _git_state(view: StageView) -> Mapping[str, Any]:
    found = view.receipt.provenance.get("git") if view.receipt else None
    return found if isinstance(found, Mapping) else {}


def _score_rows(scores: Scores) -> Iterator[dict[str, Any]]:
    about = scores.content["about"]
    for name, by_test in scores.content["metrics"].items():
        for test, numbers in by_test.items():
            head, unit = about[name]["headline"], about[name]["unit"]
            yield {
                "test": test,
                "metric": name,
                "value": format_value(numbers[head], unit),
                "share": min(max(numbers[head], 0), 100) if unit == "%" else None,
                "details": {
                    key.replace("_", " "): value for key, value in numbers.items() if key != head
                },
            }


def _has_audio_files(scores: Sequence[Scores]) -> bool:
    found = chain.from_iterable(by_id.values() for item in scores for by_id in item.media.values())
    return any(not sound.startswith("data:") for one in found for _, sound in one["sounds"])


def _source_hash(script: str) -> str:
    """Return the SHA-256 by which a Content-Security-Policy knows a script."""
    digest = hashlib.sha256(script.encode()).digest()
    return base64.b64encode(digest).decode()


def script_json(value: Any) -> Markup:
    """Return JSON for a ``<script type="application/json">``."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c"))  # noqa: S704 - no tag can begin in it


def _latest_provenance(stages: Sequence[StageView]) -> Mapping[str, Any]:
    """Return git state, machine and packages of the stage that finished last."""
    receipts = [view.receipt for view in stages if view.receipt is not None]
    if not receipts:
        return {}
    last = max(receipts, key=lambda receipt: receipt.finished or "")
    about = last.provenance if matches_schema(last.provenance, "provenance") else {}
    packages = about.get("packages") or {}
    return {
        **{key: about.get(key) or "" for key in ("device", "host", "python")},
        "git": about.get("git") or {},
        "packages": {name: packages[name] for name in _PACKAGES if name in packages},
    }
