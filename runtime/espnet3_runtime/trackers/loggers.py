"""The loggers that need special care, and the loggers of a training with their runs.

Of other loggers, Lightning's ``log_hyperparams`` is called, and no more.
"""

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from espnet3_runtime.build.instantiate import instantiate, locate_target
from espnet3_runtime.stage import StageContext
from espnet3_runtime.trackers import csv_runs, mlflow_runs, tensorboard_runs, wandb_runs
from espnet3_runtime.trackers.care import LoggerCare, RunNames
from espnet3_runtime.trackers.run_records import TrackedRun, read_training_record
from espnet3_schemas import TARGET

CARE: Mapping[str, LoggerCare] = {
    "TensorBoardLogger": tensorboard_runs,
    "CSVLogger": csv_runs,
    "WandbLogger": wandb_runs,
    "MLFlowLogger": mlflow_runs,
}
"""By the name of Lightning's class."""

_LIGHTNING = ("lightning", "pytorch_lightning")


def care_of(kind: Any) -> LoggerCare | None:
    """Return what a class of loggers needs; a class of the recipe needs what its base needs."""
    if not isinstance(kind, type):
        return None
    bases = [base for base in kind.__mro__ if base.__module__.partition(".")[0] in _LIGHTNING]
    return next((CARE[base.__name__] for base in bases if base.__name__ in CARE), None)


def open_loggers(context: StageContext, resume_step: int | None) -> list[Any]:
    """Construct the loggers of a training; runs are named after the stage where that is open.

    Args:
        context: That of the train stage.
        resume_step: The step to continue from; None for a new training.

    Raises:
        InstantiateError: A logger cannot be constructed.
    """
    nodes = context.configs["training"]["trainer"]["logger"]
    if nodes is False:
        return []
    if nodes is None or nodes is True:
        return _open_default(context, resume_step)
    record = read_training_record(context.directory)  # of an earlier attempt
    runs = dict(enumerate(record.runs)) if record else {}
    names = RunNames(context.recipe, context.exp_tag, context.spec.name)
    return [
        _open_logger(node, names, runs.get(index), resume_step or 0)
        for index, node in enumerate(nodes)
    ]


def _open_default(context: StageContext, resume_step: int | None) -> list[Any]:
    from lightning.pytorch.loggers import TensorBoardLogger

    purge: dict[str, Any] = {} if resume_step is None else {"purge_step": resume_step + 1}
    options = {"name": "tensorboard", "version": "", "default_hp_metric": False, **purge}
    try:
        return [TensorBoardLogger(context.directory, **options)]
    except ModuleNotFoundError:
        context.log.warning("tensorboard is not installed: there is curves.jsonl only")
        return []


def _open_logger(node: Any, names: RunNames, run: TrackedRun | None, step: int) -> Any:
    kind: Any = locate_target(node[TARGET], node.where) if TARGET in node else None
    care = care_of(kind)
    if care is None or kind.__module__.partition(".")[0] not in _LIGHTNING:
        return instantiate(node)  # what a class of the recipe takes is its own matter
    given = dict(care.open_arguments(names))
    if run is not None and run.logger == kind.__name__:
        given |= care.continue_arguments(run, step)
    return instantiate(node, **{key: given[key] for key in given.keys() - node.keys()})


def describe_run(logger: Any, context: StageContext) -> TrackedRun:
    """Return the run of a logger, paths relative to the recipe; of unknown loggers what they say.

    Args:
        logger: The logger, its run started.
        context: That of the train stage.
    """
    care = care_of(type(logger))
    if care is None:
        name, version = (str(getattr(logger, key, "") or "") for key in ("name", "version"))
        return TrackedRun(type(logger).__name__, name, version)
    run = care.run_of(logger)
    return replace(run, directory=run.directory and _shown_path(run.directory, context))


def _shown_path(path: str, context: StageContext) -> str:
    """Return a path relative to the recipe where it lies inside, whose directory one works in."""
    whole = os.path.abspath(path)  # noqa: PTH100 - links are kept
    inside = os.path.relpath(whole, context.recipe_dir)
    return whole if inside.startswith("..") else inside
