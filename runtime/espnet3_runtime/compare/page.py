"""The page of a comparison: one HTML file that needs no network and no other file."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from espnet3_runtime.atomic import write_bytes
from espnet3_runtime.compare.charts import overlaid_charts
from espnet3_runtime.compare.comparison import Comparison
from espnet3_runtime.compare.read_runs import ComparedRun
from espnet3_runtime.compare.scores import format_difference
from espnet3_runtime.compare.settings import as_text
from espnet3_runtime.compare.utterances import read_utterances
from espnet3_runtime.process.progress import format_duration
from espnet3_runtime.report.collect import read_curve_rows
from espnet3_runtime.report.page import script_json

_MOST_CURVES = 48
"""Runs, from the best on, whose curves are in the page."""
_UTTERANCE_BUDGET = 4_000_000
"""Characters of texts of utterances in the page; runs beyond are compared on the command line."""


@dataclass(frozen=True)
class Cell:
    """A cell of the table: what is shown, and what it is sorted by."""

    text: str
    value: str
    note: str = ""
    is_best: bool = False


def write_index(comparison: Comparison, path: Path) -> None:
    """Write the page of a comparison.

    Raises:
        OSError: The file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    page = render_index(comparison, path)
    write_bytes(path, page.encode("utf-8", "backslashreplace"))


def render_index(comparison: Comparison, path: Path) -> str:
    """Return the page; links to reports are relative to where it lies."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    own, report = files("espnet3_runtime.compare"), files("espnet3_runtime.report")
    curves = dict(_read_curves(comparison))
    return environment.from_string(_read_text(own, "index.html.j2")).render(
        style=Markup(_read_text(report, "report.css") + _read_text(own, "index.css")),  # noqa: S704
        script=Markup(_read_text(report, "sentences.js") + _read_text(own, "index.js")),  # noqa: S704
        data=_script_data(comparison),
        count=len(comparison.runs),
        experiments=len({run.experiment for run in comparison.runs}),
        scores=comparison.scores,
        keys=comparison.keys,
        rows=[
            _make_row(number, comparison, str(number) in curves, path)
            for number in range(len(comparison.runs))
        ],
        charts=overlaid_charts(curves),
        drawn=len(curves),
        left_out=comparison.left_out,
    )


def _read_text(folder: Any, name: str) -> str:
    return str((folder / name).read_text(encoding="utf-8"))


def _read_curves(
    comparison: Comparison,
) -> Iterator[tuple[str, tuple[str, Sequence[Mapping[str, Any]]]]]:
    """Yield number, name and rows of the best runs that were trained."""
    read: set[Path] = set()
    for number, run in enumerate(comparison.runs):
        if len(read) == _MOST_CURVES:
            return
        if run.curves is not None and run.curves not in read:
            rows = list(read_curve_rows(run.curves))
            if rows:
                read.add(run.curves)
                yield str(number), (comparison.labels[number], rows)


def _make_row(number: int, comparison: Comparison, has_curve: bool, path: Path) -> dict[str, Any]:
    run = comparison.runs[number]
    report = run.experiment / "report.html"
    return {
        "number": number,
        "label": comparison.labels[number],
        "report": os.path.relpath(report, path.parent) if report.is_file() else "",
        "has_curve": has_curve,
        "cells": [*_score_cells(run, comparison), *_setting_cells(run, comparison)],
        "facts": list(_fact_cells(run)),
    }


def _score_cells(run: ComparedRun, comparison: Comparison) -> Iterator[Cell]:
    for name in comparison.scores:
        score, best = run.scores.get(name), comparison.best[name]
        if score is None:
            yield Cell("", "")
        else:
            is_best = best is not None and score.value == best
            yield Cell(score.text, repr(score.value), format_difference(score, best), is_best)


def _setting_cells(run: ComparedRun, comparison: Comparison) -> Iterator[Cell]:
    for key in comparison.keys:
        text = as_text(run.settings[key]) if key in run.settings else ""
        yield Cell(text, text)


def _fact_cells(run: ComparedRun) -> Iterator[Cell]:
    seconds, parameters = run.seconds, run.parameters
    yield Cell("" if seconds is None else format_duration(seconds), _number_text(seconds))
    yield Cell("" if parameters is None else f"{parameters:,}", _number_text(parameters))
    yield Cell(run.finished[:16].replace("T", " "), run.finished)
    yield Cell(run.commit, run.commit)


def _number_text(value: float | None) -> str:
    return "" if value is None else repr(value)


def _script_data(comparison: Comparison) -> Markup:
    """Return what the script needs for two runs side by side, as JSON inside of HTML."""
    tests: dict[str, dict[str, Any]] = {}
    left = _UTTERANCE_BUDGET
    runs = []
    for run, label in zip(comparison.runs, comparison.labels, strict=True):
        utterances, left = _run_utterances(run, tests, left)
        runs.append(
            {
                "name": label,
                "place": str(run.experiment / run.stage),
                "scores": {name: [score.value, score.text] for name, score in run.scores.items()},
                "settings": [
                    as_text(run.settings[key]) if key in run.settings else None
                    for key in comparison.keys
                ],
                "utterances": utterances,
            }
        )
    data = {
        "keys": list(comparison.keys),
        "higher": _directions(comparison),
        "tests": tests,
        "runs": runs,
    }
    return script_json(data)


def _directions(comparison: Comparison) -> dict[str, bool | None]:
    found: dict[str, bool | None] = {}
    for run in comparison.runs:
        for name, score in run.scores.items():
            found.setdefault(name, score.higher_is_better)
    return found


def _run_utterances(
    run: ComparedRun, tests: dict[str, dict[str, Any]], left: int
) -> tuple[dict[str, dict[str, list[Any]]] | None, int]:
    """Return value and text of the utterances of a run that are not perfect.

    None beyond the budget.

    Args:
        run: The run.
        tests: Gets what the values are, and the references of all utterances by id; by a key of
            test set and score.
        left: Characters that may still be used.
    """
    if left <= 0:
        return None, left
    found: dict[str, dict[str, list[Any]]] = {}
    for test, written in run.utterances.items():
        utterances = read_utterances(written)
        if utterances is None:
            continue
        score = asdict(utterances.score)
        key = "/".join(map(str, (test, *score.values())))
        known = tests.setdefault(key, {"test": test, **score, "references": {}})["references"]
        shown = found.setdefault(key, {})
        for utt_id, one in utterances.by_id.items():
            if utt_id not in known:
                known[utt_id] = one.reference
                left -= len(utt_id) + len(one.reference or "")
            if one.value != utterances.score.perfect:
                shown[utt_id] = [one.value, one.hypothesis]
                left -= len(utt_id) + len(one.hypothesis or "")
    return found, left
