"""Begin the runs of a training, and end them however it ends."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from espnet3_runtime.errors import Stopped, UserError
from espnet3_runtime.stage import StageContext
from espnet3_runtime.trackers.care import End, log_all
from espnet3_runtime.trackers.hyperparameters import flat_hyperparameters
from espnet3_runtime.trackers.loggers import care_of, describe_run
from espnet3_runtime.trackers.run_records import (
    TrackedRun,
    read_training_record,
    write_training_record,
)


@contextmanager
def tracked_training(
    context: StageContext,
    loggers: Sequence[Any],
    parameters: int,
    resume_step: int | None,
) -> Iterator[None]:
    """Tell the loggers the hyper-parameters, and afterwards how the training in the block ended.

    Only rank 0 does so.

    Args:
        context: That of the train stage.
        loggers: The trainer's loggers.
        parameters: How many the model has.
        resume_step: The step to continue from; None for a new training.

    Raises:
        UserError: A logger cannot start its run.
    """
    if context.rank != 0:
        yield
        return
    end: End = "failed"
    begun: list[Any] = []
    hyperparameters = flat_hyperparameters(context, parameters)
    goes_on = read_training_record(context.directory) is not None
    done = (resume_step or 0) if goes_on else None
    try:
        runs = []
        for index, logger in enumerate(loggers):
            runs.append(_begin_run(context, index, logger, hyperparameters, done))
            begun.append(logger)
        write_training_record(context.directory, hyperparameters, runs)
        yield
        end = "finished"
    except (Stopped, KeyboardInterrupt, SystemExit):
        end = "interrupted"
        raise
    finally:
        for logger in begun:
            _end_run(context, logger, end)


def _begin_run(
    context: StageContext,
    index: int,
    logger: Any,
    hyperparameters: Mapping[str, Any],
    done: int | None,
) -> TrackedRun:
    care = care_of(type(logger))
    begin = log_all if care is None else care.begin_run
    try:
        begin(logger, hyperparameters, done)
        return describe_run(logger, context)
    except Exception as error:
        where = f"{context.configs['training'].where}.trainer.logger[{index}]"
        name = type(logger).__name__
        problem = f'"{name}" cannot start its run: {type(error).__name__}: {error}'
        raise UserError(problem, where=where) from error


def _end_run(context: StageContext, logger: Any, end: End) -> None:
    """End a run; what goes wrong there is no reason to lose a training."""
    care = care_of(type(logger))
    if care is None:
        return
    try:
        care.end_run(logger, end)
    except Exception as error:  # noqa: BLE001 - reported
        name = type(logger).__name__
        context.log.warning('the run of "%s" could not be ended: %s', name, error)
