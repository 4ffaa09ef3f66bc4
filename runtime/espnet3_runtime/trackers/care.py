"""What a logger needs beside Lightning's own calls, in one form for the table of loggers."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

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


@dataclass(frozen=True, slots=True)
class LoggerCare:
    """What is done for one class of loggers.

    Attributes:
        open_arguments: Its arguments for a run, where the config leaves them open.
        by_environment: Environment variables that set such an argument instead.
        continued: Its arguments with which it goes on with a run, after so many steps.
        begin: Tells a new or continued run (then with the steps done) its hyper-parameters.
        describe: Its run; paths are as the logger names them.
        end: Ends its run.
        send: Writes scores by name into a run that has ended; paths are of the recipe.
    """

    open_arguments: Callable[[RunNames], Mapping[str, Any]]
    continued: Callable[[TrackedRun, int], Mapping[str, Any]]
    begin: Callable[[Any, Mapping[str, Any], int | None], None]
    describe: Callable[[Any], TrackedRun]
    end: Callable[[Any, End], None]
    send: Callable[[TrackedRun, Mapping[str, float], Path, str], None]
    by_environment: Mapping[str, str]


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
