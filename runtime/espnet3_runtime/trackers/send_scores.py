"""Send scores to the runs of the training that made the weights."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from espnet3_runtime.build.lock import load_build
from espnet3_runtime.incremental.receipts import Receipt, read_receipt
from espnet3_runtime.stage import StageContext
from espnet3_runtime.trackers.loggers import CARE
from espnet3_runtime.trackers.run_records import TrackedRun, read_training_record


def send_scores(context: StageContext, report: Mapping[str, Any]) -> None:
    """Write the headline scores of a measure stage into the runs of the training behind them.

    A name is ``<test set>/<metric>``, as the curves have ``valid/loss``, so that rows of a matrix
    have the same names; of a second measure stage for one training, the stage comes first.
    Whatever goes wrong is logged, and no more.

    Args:
        context: That of the measure stage.
        report: The content of ``metrics.json``.
    """
    checkpoint = report["checkpoint"]
    training = checkpoint and find_training(context.recipe_dir, checkpoint)
    record = read_training_record(training) if training else None
    if record is None or training is None:
        return
    prefix = f"{context.spec.name}/" if _is_further(context, training) else ""
    scores = {f"{prefix}{key}": value for key, value in _headline_scores(report).items()}
    for run in record.runs:
        _send_to_run(context, run, scores)


def find_training(recipe_dir: Path, checkpoint: Mapping[str, str]) -> Path | None:
    """Return the directory of the train stage that made a checkpoint, of any experiment.

    Args:
        recipe_dir: From which the checkpoint's path is named.
        checkpoint: ``path`` and ``sha256``, as ``inference.json`` has them.

    Returns:
        None where the weights are of no training stage, or the stage has made others since.
    """
    path = Path(os.path.abspath(recipe_dir / checkpoint["path"]))  # noqa: PTH100 - keeps links
    directory = path.parent
    receipt = read_receipt(directory.parent, directory.name)
    if not isinstance(receipt, Receipt) or receipt.inputs.get("what") != "train":
        return None
    made = {(Path(out.path).name, out.sha256) for out in receipt.outputs.values()}
    return directory if (path.name, checkpoint["sha256"]) in made else None


def _is_further(context: StageContext, training: Path) -> bool:
    """Say whether a measure stage before this one has scored the same training."""
    others = {
        file.parent.name
        for file in context.exp_dir.glob("*/metrics.json")
        if file.parent.name != context.spec.name and _scores_training(file, context, training)
    }
    if not others:
        return False
    position = load_build(context.build).position
    own = position.get(context.spec.name, len(position))
    return any(position.get(name, own) < own for name in others)


def _scores_training(file: Path, context: StageContext, training: Path) -> bool:
    try:
        path = json.loads(file.read_text(encoding="utf-8"))["checkpoint"]["path"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return False
    return (context.recipe_dir / str(path)).parent == training


def _headline_scores(report: Mapping[str, Any]) -> dict[str, float]:
    return {
        f"{test}/{metric}": float(numbers[report["about"][metric]["headline"]])
        for metric, by_test in report["metrics"].items()
        for test, numbers in by_test.items()
    }


def _send_to_run(context: StageContext, run: TrackedRun, scores: Mapping[str, float]) -> None:
    care = CARE.get(run.logger)
    if care is None:
        return
    try:
        care.write_scores(run, scores, context.recipe_dir, context.spec.name)
    except Exception as error:  # noqa: BLE001 - the scores are in metrics.json
        context.log.warning('the scores did not reach the run of "%s": %s', run.logger, error)
        return
    context.log.info('scores sent to the run "%s" of %s', run.name, run.logger)
