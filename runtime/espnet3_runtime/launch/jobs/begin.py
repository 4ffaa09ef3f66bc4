"""Begin ``--jobs N``: hand the build over, start the stages, and clear up."""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from espnet3_runtime.atomic import temporary
from espnet3_runtime.build.late_values import find_references
from espnet3_runtime.build.lock import Build
from espnet3_runtime.incremental.plan import Verdict
from espnet3_runtime.incremental.slices import configs_of, model_of
from espnet3_runtime.launch.jobs.cluster import (
    DASK_VARIABLES,
    ClusterStage,
    StageJob,
    options_for,
)
from espnet3_runtime.launch.jobs.devices import GpuPool, visible_gpus
from espnet3_runtime.launch.jobs.order import StageOrder, write_texts
from espnet3_runtime.launch.jobs.process import local_stages, run_command
from espnet3_runtime.launch.jobs.side_by_side import SideBySide, StartedStage
from espnet3_runtime.launch.session import Session
from espnet3_runtime.process.cores import share_of_cores
from espnet3_runtime.process.dask_workers import Workers
from espnet3_schemas.build_records import Stage
from espnet3_schemas.late_values import Env

_HANDED_OVER = ("PYTHONPATH", *DASK_VARIABLES)
"""Variables that a job needs as this process has them, beside those that configs name."""

StartStage = Callable[[Stage, StageOrder], StartedStage]


def run_side_by_side(
    session: Session,
    verdicts: Sequence[Verdict],
    most: int,
    words: Sequence[str],
    parallel: Mapping[str, Any] | None = None,
) -> int:
    """Run the planned stages, up to some at a time; return the exit code.

    Args:
        session: The run; its lock is that of all its stages.
        verdicts: What happens to each wanted stage.
        most: How many stages run at a time.
        words: The command line of the user.
        parallel: The cluster whose jobs they are; None for processes of this machine.
    """
    build = session.runner.build
    texts = temporary(build.experiment / "stages" / "build.json")
    width = max((len(verdict.stage.name) for verdict in verdicts), default=0)
    gpus = GpuPool(() if parallel else visible_gpus())
    begin: StartStage = local_stages(build, words, most, gpus, width)
    if parallel is not None:
        begin = _jobs_of(parallel, build, words, width)

    def start(stage: Stage) -> StartedStage:
        order = StageOrder(
            stage.name,
            session.force,
            str(build.directory),
            str(texts),
            session.directory,
            session.lock.descriptor if parallel is None else None,
            tuple(session.edited_code()),
        )
        return begin(stage, order)

    if any(verdict.action != "skip" for verdict in verdicts):
        write_texts(texts, build)
    try:
        return SideBySide(session, start, gpus.give_back, most).run(verdicts)
    finally:
        texts.unlink(missing_ok=True)


def _jobs_of(
    parallel: Mapping[str, Any], build: Build, words: Sequence[str], width: int
) -> StartStage:
    """Return what starts a stage as a job of a cluster."""
    cores = parallel["options"].get("cores")
    share = share_of_cores(cores) if isinstance(cores, int) and cores > 0 else {}

    def start(stage: Stage, order: StageOrder) -> StartedStage:
        output = build.experiment / "stages" / f".{stage.name}.out"
        variables = {**_named_variables(build, stage), **share, **order.variables()}
        command = run_command(build.directory, words)
        workers = Workers(options_for(parallel, stage.name), build.recipe_dir, 1)
        job = StageJob(command, variables, str(build.recipe_dir), output)
        return ClusterStage(f"{stage.name:<{width}}", workers, job)

    return start


def _named_variables(build: Build, stage: Stage) -> dict[str, str]:
    """Return the variables of this environment that a stage's settings name, and Python's own."""
    model = model_of(build, stage)
    views = [*configs_of(build, stage).values(), build.arguments(stage)]
    views += [] if model is None else [model]
    found = [one for view in views for _, one in find_references(view, build.late)]
    names = [*(one.name for one in found if isinstance(one, Env)), *_HANDED_OVER]
    return {name: os.environ[name] for name in names if name in os.environ}
