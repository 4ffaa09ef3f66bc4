"""The runs of a training in its loggers: ``tracked_runs.json`` beside its checkpoints.

A resumed training reads it to go on with the same runs, ``measure`` to send scores to them, and
reports to name them.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from espnet3_runtime.atomic import write_json
from espnet3_runtime.build.records import read_record
from espnet3_runtime.errors import BuildError

TRACKED_RUNS = "tracked_runs.json"


@dataclass(frozen=True, slots=True)
class TrackedRun:
    """A run in a logger.

    Attributes:
        logger: The name of the logger's class.
        name: What the logger calls the run.
        run_id: With which it finds the run again, if it has such an id.
        directory: Where its files are, relative to the recipe or absolute; empty on a server.
        url: The page of the run, if it has one.
        reopen: What else is needed to write into the run again, without logins.
    """

    logger: str
    name: str
    run_id: str = ""
    directory: str = ""
    url: str = ""
    reopen: Mapping[str, str] = field(default_factory=dict)

    @property
    def place(self) -> str:
        """Where a person finds the run."""
        return self.url or self.directory


@dataclass(frozen=True, slots=True)
class TrainingRecord:
    """What a training told its loggers.

    Attributes:
        hyperparameters: By dotted key, without secrets.
        runs: Its run in each logger.
    """

    hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    runs: tuple[TrackedRun, ...] = ()


def write_training_record(
    directory: Path, hyperparameters: Mapping[str, Any], runs: Sequence[TrackedRun]
) -> None:
    """Write the record of a training.

    Args:
        directory: That of the train stage.
        hyperparameters: What the loggers were told.
        runs: The runs.
    """
    value = {
        "schema_version": 1,
        "hyperparameters": dict(hyperparameters),
        "runs": [asdict(run) for run in runs],
    }
    write_json(directory / TRACKED_RUNS, value)


def read_training_record(directory: Path) -> TrainingRecord | None:
    """Read the record of a training; None where there is none that can be read."""
    try:
        value = json.loads((directory / TRACKED_RUNS).read_text(encoding="utf-8"))
        return read_record(TrainingRecord, value, TRACKED_RUNS)
    except (OSError, ValueError, RecursionError, BuildError):
        return None
