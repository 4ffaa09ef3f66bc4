"""Runs in the files of Lightning's CSVLogger."""

import csv
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from espnet3_runtime.atomic import atomic_file
from espnet3_runtime.trackers.care import End, RunNames, log_all, run_directory, version_of
from espnet3_runtime.trackers.run_records import TrackedRun

_METRICS = "metrics.csv"


def open_arguments(names: RunNames) -> Mapping[str, Any]:
    """Return ``<experiment>/<stage>`` as name, below which Lightning counts versions."""
    return {"name": f"{names.exp_tag}/{names.stage}"}


def continue_arguments(run: TrackedRun, _step: int) -> Mapping[str, Any]:
    """Return the version of a run."""
    return {"version": version_of(run)}


def begin_run(logger: Any, values: Mapping[str, Any], done: int | None) -> None:
    """Write ``hparams.yaml``, and again the rows of a continued run, which Lightning removes.

    Args:
        logger: The logger.
        values: The hyper-parameters.
        done: The steps done of a continued run; later rows will be measured again.
    """
    rows = [] if done is None else _read_rows(Path(logger.log_dir) / _METRICS)
    with warnings.catch_warnings():
        if done is not None:
            warnings.filterwarnings("ignore", ".* exists and is not empty.*")
        log_all(logger, values)
    logger.experiment.metrics = [
        {key: value for key, value in row.items() if value != ""}
        for row in rows
        if row.get("step", "").isdigit() and int(row["step"]) <= (done or 0)
    ]
    logger.save()


def run_of(logger: Any) -> TrackedRun:
    """Return the run: its directory."""
    return TrackedRun("CSVLogger", str(logger.name or ""), str(logger.version), logger.log_dir)


def end_run(logger: Any, _end: End) -> None:
    """Write what is still in memory; a file has no status."""
    logger.save()


def write_scores(
    run: TrackedRun, scores: Mapping[str, float], recipe_dir: Path, _sender: str
) -> None:
    """Add a row of scores without a step, in place of an earlier one with the same names.

    Args:
        run: The run.
        scores: By name.
        recipe_dir: The recipe.
        _sender: The stage that measured them.
    """
    path = run_directory(run, recipe_dir) / _METRICS
    rows = [row for row in _read_rows(path) if row.get("step") or not _holds(row, scores)]
    rows.append({name: str(value) for name, value in scores.items()})
    names = sorted({name for row in rows for name in row})
    with atomic_file(path) as file:
        writer = csv.DictWriter(file, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _holds(row: Mapping[str, str], scores: Mapping[str, float]) -> bool:
    return any(row.get(name) for name in scores)


def _read_rows(path: Path) -> Sequence[dict[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))
    except FileNotFoundError:
        return []
