"""Runs in MLflow: of a local store or of a server."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from espnet3_runtime.trackers.care import End, RunNames, log_all
from espnet3_runtime.trackers.run_records import TrackedRun
from espnet3_schemas.secret_names import hide_in_urls

_REFUSED = re.compile(r"[^\w. /:-]", re.ASCII)
_STATUS: Mapping[End, str] = {"finished": "FINISHED", "failed": "FAILED", "interrupted": "KILLED"}
_LOCAL = ("sqlite:///", "file:")


def open_arguments(names: RunNames) -> Mapping[str, Any]:
    """Return the names of the run and of the experiment."""
    experiment = f"{names.recipe}/{names.exp_tag}"
    return {"run_name": names.stage, "experiment_name": experiment}


def continue_arguments(run: TrackedRun, _step: int) -> Mapping[str, Any]:
    """Return the id of a run."""
    return {"run_id": run.run_id}


def begin_run(logger: Any, values: Mapping[str, Any], done: int | None) -> None:
    """Start the run, or go on with it; what it was told once cannot be changed.

    Args:
        logger: The logger.
        values: The hyper-parameters.
        done: The steps done of a continued run.
    """
    client, known = logger.experiment, {}
    if done is not None:
        client.update_run(logger.run_id, status="RUNNING")
        known = client.get_run(logger.run_id).data.params
    named = {_REFUSED.sub("_", key): value for key, value in values.items()}
    log_all(logger, {key: value for key, value in named.items() if key not in known})


def run_of(logger: Any) -> TrackedRun:
    """Return the run: its page, or the store."""
    run = logger.experiment.get_run(logger.run_id)
    uri = hide_in_urls(str(logger._tracking_uri))  # noqa: SLF001 - the logger does not tell it
    url, directory = "", next((uri.removeprefix(x) for x in _LOCAL if uri.startswith(x)), "")
    if not directory and uri.startswith(("http://", "https://")):
        url = f"{uri.rstrip('/')}/#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}"
    name = run.info.run_name or ""
    return TrackedRun("MLFlowLogger", name, run.info.run_id, directory, url, {"tracking_uri": uri})


def end_run(logger: Any, end: End) -> None:
    """Set the status of the run."""
    logger.experiment.set_terminated(logger.run_id, _STATUS[end])


def write_scores(
    run: TrackedRun, scores: Mapping[str, float], _recipe_dir: Path, _sender: str
) -> None:
    """Write scores as metrics, which a run takes also after its end.

    Args:
        run: The run.
        scores: By name.
        _recipe_dir: The recipe, which is the working directory: a local store is named from there.
        _sender: The stage that measured them.
    """
    from mlflow.tracking import MlflowClient

    client = MlflowClient(run.reopen.get("tracking_uri"))
    for name, value in scores.items():
        client.log_metric(run.run_id, _REFUSED.sub("_", name), value)
