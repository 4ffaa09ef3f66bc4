"""Runs in Weights & Biases, online and offline."""

import os
import re
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from espnet3_runtime.trackers.care import End, RunNames, log_all
from espnet3_runtime.trackers.run_records import TrackedRun

_BY_ENVIRONMENT: Mapping[str, str] = {
    "name": "WANDB_NAME",
    "group": "WANDB_RUN_GROUP",
    "project": "WANDB_PROJECT",
}
_OFFLINE = ("offline", "dryrun")
_REOPENED: Mapping[str, Any] = {**dict.fromkeys(_OFFLINE, "offline"), "disabled": "disabled"}
_EXIT_CODES: Mapping[End, int] = {"finished": 0, "failed": 1, "interrupted": 130}


def open_arguments(names: RunNames) -> Mapping[str, Any]:
    """Return name, group and project where no variable sets them; a project takes no slash."""
    project = re.sub(r"[/\\#?%:]", "-", names.recipe)
    given = {"name": names.stage, "group": names.exp_tag, "project": project}
    return {key: text for key, text in given.items() if not os.environ.get(_BY_ENVIRONMENT[key])}


def continue_arguments(run: TrackedRun, _step: int) -> Mapping[str, Any]:
    """Return the id of a run; W&B puts the parts of an offline run together when it syncs them."""
    return {"id": run.run_id}


def begin_run(logger: Any, values: Mapping[str, Any], done: int | None) -> None:
    """Start the run.

    Args:
        logger: The logger.
        values: The hyper-parameters.
        done: The steps done of a continued run.
    """
    if done is not None:
        _wait_for_second(Path(logger.save_dir or "."), logger._id)  # noqa: SLF001 - as set above
    log_all(logger, values, done)


def run_of(logger: Any) -> TrackedRun:
    """Return the run: its page, or the directory that ``wandb sync`` sends."""
    run, settings = logger.experiment, logger.experiment.settings
    reopen = {key: str(getattr(run, key) or "") for key in ("entity", "project", "group")}
    reopen |= {"mode": str(settings.mode), "root": str(settings.root_dir)}
    is_offline = settings.mode in _OFFLINE
    url = "" if is_offline else run.url or ""  # offline W&B warns when it is asked for a page
    return TrackedRun("WandbLogger", str(run.name), run.id, str(settings.sync_dir), url, reopen)


def end_run(logger: Any, end: End) -> None:
    """Finish the run: another one may start in this process, and it shows how this one ended."""
    logger.experiment.finish(exit_code=_EXIT_CODES[end])


def write_scores(
    run: TrackedRun, scores: Mapping[str, float], recipe_dir: Path, _sender: str
) -> None:
    """Open the run again and write scores into its summary.

    Args:
        run: The run.
        scores: By name.
        recipe_dir: The recipe.
        _sender: The stage that measured them.
    """
    import wandb

    reopen = run.reopen
    root = recipe_dir / (reopen.get("root") or ".")
    _wait_for_second(root, run.run_id)
    opened = wandb.init(
        id=run.run_id,
        resume="allow",
        name=run.name,
        entity=reopen.get("entity") or None,
        project=reopen.get("project") or None,
        group=reopen.get("group") or None,
        dir=str(root),
        mode=_REOPENED.get(reopen.get("mode", "")),
        settings=wandb.Settings(silent=True, console="off"),
    )
    opened.summary.update(dict(scores))
    opened.finish()


def _wait_for_second(root: Path, run_id: str) -> None:
    """Wait until W&B gives this part of an offline run a directory of its own.

    Directories are named after the second in which a part begins; two of one second would be one.
    """
    while True:
        now = datetime.now().strftime("%Y%m%d_%H%M%S")  # noqa: DTZ005 - W&B takes the local time
        if not (root / "wandb" / f"offline-run-{now}-{run_id}").exists():
            return
        time.sleep(0.1)
