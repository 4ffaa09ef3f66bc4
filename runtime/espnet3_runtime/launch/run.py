"""Show a plan, run it as rank 0, or join the training stages of rank 0."""

import signal
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from espnet3_runtime.atomic import remove_leftovers
from espnet3_runtime.build.lock import Build
from espnet3_runtime.errors import Stopped, UserError
from espnet3_runtime.incremental.dependencies import group_by_depth, stages_before
from espnet3_runtime.incremental.experiment import Experiment
from espnet3_runtime.incremental.plan import Verdict, plan_stages, stale_upstream
from espnet3_runtime.incremental.versions import UNKNOWN
from espnet3_runtime.launch import console
from espnet3_runtime.launch.arguments import Arguments
from espnet3_runtime.launch.failures import Locate, summarize_error
from espnet3_runtime.launch.preflight_report import AnswerReport
from espnet3_runtime.launch.prepare import handling_signals, make_runner
from espnet3_runtime.process.interrupts import end_workers, exit_code_of
from espnet3_runtime.process.lockfile import check_writable, hold_lock
from espnet3_runtime.process.ranks import Follower, Leader, Order, Rank, announce_order
from espnet3_runtime.process.redact import redact
from espnet3_runtime.system import System
from espnet3_schemas.exit_codes import CLEAN, MISTAKES

Cluster = Mapping[str, Any]
"""A ``parallel`` block."""

if TYPE_CHECKING:
    from espnet3_runtime.launch.session import Session
    from espnet3_runtime.launch.stage_runner import StageRunner


def show_plan(experiment: Experiment, arguments: Arguments) -> tuple[Verdict, ...]:
    """Decide which stages run and print it, with warnings about inputs that are out of date."""
    build = experiment.build
    verdicts = plan_stages(build, experiment, arguments.stages, force=arguments.force)
    console.show_plan(build, verdicts, most=None if arguments.dry_run else 3)
    numbers = [pair for verdict in verdicts for pair in verdict.inputs["versions"].items()]
    for name in dict.fromkeys(name for name, number in numbers if number == UNKNOWN):
        console.print_problem(
            f'warning: "{name}" has no version and its code cannot be followed; '
            "a stage does not run again when it changes"
        )
    if arguments.dry_run:
        running = [verdict.stage.name for verdict in verdicts if verdict.action != "skip"]
        show_side_by_side(build, running, arguments)
    for name, reasons in stale_upstream(build, experiment, verdicts).items():
        console.print_problem(
            f'warning: stage "{name}" is out of date ({reasons[0]}) and not asked for; '
            "its earlier outputs are used"
        )
    return verdicts


def show_side_by_side(build: Build, names: Sequence[str], arguments: Arguments) -> None:
    """Print which of some stages ``--jobs`` runs side by side; nothing where it is not given.

    Args:
        build: The compiled recipe.
        names: The stages.
        arguments: The command line.
    """
    if arguments.jobs is not None and names:
        groups = group_by_depth(stages_before(build, names))
        console.show_groups(groups, arguments.jobs)


def run_as_leader(
    system_cls: type[System], answers: AnswerReport, rank: Rank, locate: Locate | None
) -> int:
    """Run the planned stages, as the only process or as rank 0; return the exit code.

    Args:
        system_cls: The generated System.
        answers: Says what a look at the stages finds; knows the build and the command line.
        rank: This process among those of the run.
        locate: Gives the location of a stage in the manifest, for messages.
    """
    from espnet3_runtime.launch.session import Session

    build, arguments = answers.build, answers.arguments
    cluster = _read_cluster(arguments.cluster)
    runner = make_runner(system_cls, build, rank)
    is_new = rank.size == 1 and not build.experiment.exists()
    if is_new:  # what is refused leaves no experiment behind
        planned = plan_stages(build, Experiment(build), arguments.stages, force=arguments.force)
        with handling_signals(runner):
            code = _look_first(system_cls, answers, planned)
        if code:
            return code
    lock = build.experiment / "stages" / ".lock"
    with hold_lock(lock, f'"{build.exp_dir}"') as held, handling_signals(runner):
        for directory in (build.experiment, lock.parent):
            remove_leftovers(directory, deep=False)
        runner.experiment.keep_salt()
        launches = rank.node is not None
        leader = Leader(build.experiment, rank.size, launches=launches) if rank.size > 1 else None
        start = str(answers.start)
        session = Session(
            runner, held, arguments.force, locate, leader, start, arguments.keep_going
        )
        code = MISTAKES
        try:
            verdicts = show_plan(runner.experiment, arguments)
            for verdict in verdicts:
                if verdict.action != "skip":
                    check_writable(build.directory_of(verdict.stage), f'"{build.exp_dir}"')
            if arguments.write_requirements:
                _write_requirements(build)
            code = _look_first(system_cls, answers, () if is_new else verdicts)
            code = code or _run_stages(session, verdicts, arguments, cluster)
        except KeyboardInterrupt as error:
            runner.interrupts.ignore_signals()  # the message comes in any case
            console.print_problem("stopped: between stages")
            code = exit_code_of(error)
        finally:
            if leader is not None:
                leader.finish(code)
    if runner.interrupts.received_signal == signal.SIGUSR1:
        from espnet3_runtime.process.interrupts import requeue

        console.print_problem(requeue())
    return code


def _run_stages(
    session: "Session", verdicts: Sequence[Verdict], arguments: Arguments, cluster: Cluster | None
) -> int:
    """Run the stages one after the other here, or elsewhere as ``--jobs`` says."""
    jobs = arguments.jobs
    if jobs is None or (jobs == 1 and cluster is None):
        return session.run(verdicts)
    from espnet3_runtime.launch.jobs.begin import run_side_by_side

    return run_side_by_side(session, verdicts, jobs, arguments.words, cluster)


def _read_cluster(path: Path | None) -> Cluster | None:
    """Return the cluster of ``--cluster``, which takes its options; None where it is not given."""
    if path is None:
        return None
    from espnet3_runtime.launch.jobs.cluster_file import read_cluster
    from espnet3_runtime.process.dask_workers import try_cluster

    cluster = read_cluster(path)
    try:
        try_cluster(cluster)
    except UserError as error:
        where = f"{path}: options" if error.where == "parallel.options" else str(path)
        raise UserError(error.message, where=where, hint=error.hint) from None
    return cluster


def _look_first(
    system_cls: type[System], answers: AnswerReport, verdicts: Sequence[Verdict]
) -> int:
    """Look at the stages that run; those that only may run have run as they are now."""
    chosen = [verdict for verdict in verdicts if verdict.action == "run"]
    if answers.arguments.no_preflight or not chosen:
        return CLEAN
    stages, inputs = [v.stage for v in chosen], [v.inputs for v in chosen]
    here = inputs if answers.arguments.cluster is None else None  # a job may have other devices
    try:
        from espnet3_runtime.preflight.look import look_first

        found = look_first(answers.build, system_cls, stages, here)
    except Exception as error:  # noqa: BLE001 - no fault of the look may keep stages from running
        text = f"any stage: {summarize_error(error)}"
        found = [{"kind": "unfinished", "text": text}]
    code = answers.show(found)
    if code:
        console.print_line("no stage was started; --no_preflight leaves this look out")
    return code


def run_as_follower(system_cls: type[System], build: Build, rank: Rank, start: Path) -> int:
    """Join the training stages that rank 0 runs.

    Args:
        system_cls: The generated System.
        build: The compiled recipe.
        rank: This process among those of the run.
        start: The directory that ``run.py`` was started in.
    """
    runner = make_runner(system_cls, build, rank)
    launches = rank.node is not None and rank.order is None
    if launches:
        console.print_line(
            f"node {rank.node} of {rank.size}: joins trainings; node 0 runs the rest"
        )
    follower = None if rank.order else Follower(build.experiment, rank.number)
    orders = follower.iter_orders() if follower else (rank.order,)
    with handling_signals(runner):
        for order in orders:
            assert order is not None
            with (
                announce_order(replace(order, directory=str(start))) if launches else nullcontext()
            ):
                code = _join_stage(runner, order)
            if code:
                return code
    return follower.code if follower else CLEAN


def _join_stage(runner: "StageRunner", order: Order) -> int:
    """Run a stage beside rank 0; a failure is one line here, and its log has the traceback."""
    from espnet3_runtime.launch.failures import lost_a_rank

    stage = runner.build.stage(order.stage)
    for other in runner.build.stages:
        runner.experiment.forget_stage(other.name)
    try:
        runner.run(stage, resume=order.resume)
    except (KeyboardInterrupt, Stopped):
        return runner.interrupts.exit_code
    except Exception as error:  # noqa: BLE001 - reported
        end_workers()
        if lost_a_rank(error):
            return MISTAKES  # the other one reports why
        log = runner.experiment.relative_path(runner.log_path(stage))
        label = runner.label.replace("_", ", ").replace("rank", "rank ").replace("node", "node ")
        reason = redact(summarize_error(error), runner.stage_secrets(stage))
        console.print_problem(f"error: {label} failed: {reason}  (log: {log})")
        return MISTAKES
    return CLEAN


def largest_node_count(build: Build) -> int:
    """Return how many machines the training configs ask for at most."""
    configs = (build.config(name).plain() for name in build.configs)
    trainers = (config.get("trainer") for config in configs)
    counts = (found.get("num_nodes") for found in trainers if isinstance(found, dict))
    return max((count for count in counts if isinstance(count, int)), default=1)


def _write_requirements(build: Build) -> None:
    from espnet3_runtime.launch.requirements import write_requirements

    path = build.experiment / "requirements.txt"
    console.print_line(f"wrote {write_requirements(path)} packages to {path}")
