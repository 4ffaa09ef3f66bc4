"""What a logger needs beside Lightning's own calls, in one form for the table of loggers."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from espnet3_runtime.trackers.run_records import TrackedRun

End = Literal["finished", "failed", "interrupted"]
"""How a training ended; an interrupted one is continued."""


@dataclass(frozen=True, slots=True)
class RunNames:
    """What a run is called after.

    Attributes:
        recipe: ``<corpus>/<task>``.
        exp_tag: Name of the experiment.
        stage: Name of the train stage.
    """

    recipe: str
    exp_tag: str
    stage: str


class LoggerCare(Protocol):
    """What is done for one class of loggers, by the module of that name."""

    def open_arguments(self, names: RunNames, /) -> Mapping[str, Any]:
        """Return its arguments for a run, where the config leaves them open."""

    def continue_arguments(self, run: TrackedRun, step: int, /) -> Mapping[str, Any]:
        """Return its arguments with which it goes on with a run, after so many steps."""

    def begin_run(self, logger: Any, values: Mapping[str, Any], done: int | None, /) -> None:
        """Tell a run its hyper-parameters.

        Args:
            logger: The logger.
            values: The hyper-parameters.
            done: The steps done of a continued run; None for a new one.
        """

    def run_of(self, logger: Any, /) -> TrackedRun:
        """Return its run; paths are as the logger names them."""

    def end_run(self, logger: Any, end: End, /) -> None:
        """End its run."""

    def write_scores(
        self, run: TrackedRun, scores: Mapping[str, float], recipe_dir: Path, sender: str, /
    ) -> None:
        """Write scores into a run that has ended.

        Args:
            run: The run.
            scores: By name.
            recipe_dir: The recipe, at which paths start.
            sender: The stage that measured them.
        """


def log_all(logger: Any, hyperparameters: Mapping[str, Any], _done: int | None = None) -> None:
    """Give hyper-parameters to a logger as Lightning does."""
    logger.log_hyperparams(dict(hyperparameters))


def version_of(run: TrackedRun) -> int | str:
    """Return the version of a run in files as Lightning counts it: 3 is ``version_3``."""
    return int(run.run_id) if run.run_id.isdigit() else run.run_id


def run_directory(run: TrackedRun, recipe_dir: Path) -> Path:
    """Return the directory of a run, absolute.

    Raises:
        FileNotFoundError: Somebody has removed it.
    """
    directory = Path(os.path.abspath(recipe_dir / run.directory))  # noqa: PTH100 - keeps links
    if not directory.is_dir():
        raise FileNotFoundError(f"there is no {directory}")
    return directory
