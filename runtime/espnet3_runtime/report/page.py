"""Render the report as one HTML page."""

from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from espnet3_runtime.metrics.table import format_value
from espnet3_runtime.process.progress import format_duration, format_size
from espnet3_runtime.report.artifact_schemas import matches_schema
from espnet3_runtime.report.collect import ReportData, Scores, StageView
from espnet3_runtime.report.curves import summarize_training, training_charts
from espnet3_runtime.report.graph import ROW, draw_graph

_PACKAGES = ("torch", "lightning", "numpy", "espnet3-compile")


def render_page(experiment: ReportData) -> str:
    """Return the report as HTML that needs no script, no other file and no network."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["duration"] = format_duration
    environment.filters["size"] = format_size
    folder = files("espnet3_runtime.report")
    template = environment.from_string((folder / "report.html.j2").read_text(encoding="utf-8"))
    drawn, width = draw_graph(experiment.stages)
    receipts = [view.receipt for view in experiment.stages if view.receipt is not None]
    scores = {item.stage: list(_score_rows(item)) for item in experiment.scores}
    return template.render(
        style=Markup((folder / "report.css").read_text(encoding="utf-8")),  # noqa: S704 - ours
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
            (stage, summarize_training(rows), training_charts(rows))
            for stage, rows in experiment.trainings.items()
        ],
        scores=list(scores.items()),
        examples=list(_example_groups(experiment.scores)),
        settings=experiment.settings,
        sets=experiment.sets,
        tracked=[(s, run) for s, runs in experiment.tracked.items() for run in runs],
        has_index=experiment.has_index,
        provenance=_latest_provenance(experiment.stages),
        checkpoints=[item.content.get("checkpoint") for item in experiment.scores],
    )


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


def _example_groups(scores: Sequence[Scores]) -> Iterator[dict[str, Any]]:
    for item in scores:
        for test, found in item.examples.items():
            for rank in ("worst", "best"):
                chosen = [example for example in found if example["rank"] == rank]
                if chosen:
                    target = item.content["about"][chosen[0]["metric"]]["target"]
                    gap = "" if target.endswith("CER") else " "
                    yield {
                        "stage": item.stage,
                        "test": test,
                        "rank": rank,
                        "items": [(example, _mark_differences(example, gap)) for example in chosen],
                    }


def _mark_differences(example: Mapping[str, Any], gap: str) -> dict[str, Markup]:
    """Return reference and hypothesis with their differences marked."""
    sides = {}
    for side, index in (("reference", 1), ("hypothesis", 2)):
        tokens = [
            (_PLAIN if step[0] == "equal" else _MARK[side]).format(step[index])
            for step in example["steps"]
            if step[index]
        ]
        sides[side] = Markup(gap).join(tokens)  # noqa: S704 - a space or nothing
    return sides


_PLAIN = Markup("{}")
_MARK = {"reference": Markup("<del>{}</del>"), "hypothesis": Markup("<ins>{}</ins>")}


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
