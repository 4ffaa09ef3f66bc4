"""Show a plan, run it as rank 0, or join the training stages of rank 0."""

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from espnet3_runtime.atomic import remove_leftovers
from espnet3_runtime.build.lock import Build
from espnet3_runtime.errors import Stopped, find_refusal
from espnet3_runtime.incremental.experiment import Experiment
from espnet3_runtime.incremental.plan import Verdict, plan_stages, stale_upstream
from espnet3_runtime.incremental.versions import UNKNOWN
from espnet3_runtime.launch import console
from espnet3_runtime.launch.arguments import Arguments
from espnet3_runtime.launch.failures import Locate, lost_a_worker, summarize_error
from espnet3_runtime.launch.preflight_report import AnswerReport
from espnet3_runtime.process.interrupts import (
    Interrupts,
    end_workers,
    exit_code_of,
    hide_destructor_errors,
)
from espnet3_runtime.process.lockfile import check_writable, hold_lock
from espnet3_runtime.process.ranks import Follower, Leader, Order, Rank, announce_order
from espnet3_runtime.process.redact import redact
from espnet3_runtime.system import System
from espnet3_schemas.exit_codes import CLEAN, MISTAKES

if TYPE_CHECKING:
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
    for name, reasons in stale_upstream(build, experiment, verdicts).items():
        console.print_problem(
            f'warning: stage "{name}" is out of date ({reasons[0]}) and not asked for; '
            "its earlier outputs are used"
        )
    return verdicts


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
    runner = _make_runner(system_cls, build, rank)
    is_new = rank.size == 1 and not build.experiment.exists()
    if is_new:  # what is refused leaves no experiment behind
        planned = plan_stages(build, Experiment(build), arguments.stages, force=arguments.force)
        with _handling_signals(runner):
            code = _look_first(system_cls, answers, planned)
        if code:
            return code
    lock = build.experiment / "stages" / ".lock"
    with hold_lock(lock, f'"{build.exp_dir}"') as held, _handling_signals(runner):
        for directory in (build.experiment, lock.parent):
            remove_leftovers(directory, deep=False)
        runner.experiment.keep_salt()
        launches = rank.node is not None
        leader = Leader(build.experiment, rank.size, launches=launches) if rank.size > 1 else None
        session = Session(runner, held, arguments.force, locate, leader, str(answers.start))
        code = MISTAKES
        try:
            verdicts = show_plan(runner.experiment, arguments)
            for verdict in verdicts:
                if verdict.action != "skip":
                    check_writable(build.directory_of(verdict.stage), f'"{build.exp_dir}"')
            if arguments.write_requirements:
                _write_requirements(build)
            code = _look_first(system_cls, answers, () if is_new else verdicts)
            code = code or session.run(verdicts)
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


def _look_first(
    system_cls: type[System], answers: AnswerReport, verdicts: Sequence[Verdict]
) -> int:
    """Look at the stages that run; those that only may run have run as they are now."""
    chosen = [verdict for verdict in verdicts if verdict.action == "run"]
    if answers.arguments.no_preflight or not chosen:
        return CLEAN
    stages, inputs = [v.stage for v in chosen], [v.inputs for v in chosen]
    try:
        from espnet3_runtime.preflight.look import look_first

        found = look_first(answers.build, system_cls, stages, inputs)
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
    runner = _make_runner(system_cls, build, rank)
    launches = rank.node is not None and rank.order is None
    if launches:
        console.print_line(
            f"node {rank.node} of {rank.size}: joins trainings; node 0 runs the rest"
        )
    follower = None if rank.order else Follower(build.experiment, rank.number)
    orders = follower.iter_orders() if follower else (rank.order,)
    with _handling_signals(runner):
        for order in orders:
            assert order is not None
            with (
                announce_order(replace(order, directory=str(start))) if launches else nullcontext()
            ):
                code = _join_stage(runner, order)
            if code:
                return code
    return follower.code if follower else CLEAN


_UNBORN = "'_MultiProcessingDataLoaderIter' object has no attribute"
"""What a loader says at its end when it could not start."""


@contextmanager
def _handling_signals(runner: "StageRunner") -> Iterator[None]:
    """Listen to signals, and hide the exceptions that follow a stop."""
    interrupts = runner.interrupts

    def expected(error: BaseException | None) -> bool:
        full = find_refusal(error) or _UNBORN in str(error)
        return interrupts.requested() or lost_a_worker(error) or bool(full)

    with interrupts.installed(), hide_destructor_errors(expected):
        yield


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


def _make_runner(system_cls: type[System], build: Build, rank: Rank) -> "StageRunner":
    from espnet3_runtime.launch.stage_runner import StageRunner

    configs = {f"{name}_config": build.config(name) for name in build.configs}
    interrupts = Interrupts(say=lambda text: console.print_problem(f"stopping: {text}"))
    return StageRunner(
        build, system_cls(**configs), Experiment(build), interrupts, rank.number, rank.label
    )


def _write_requirements(build: Build) -> None:
    from espnet3_runtime.launch.requirements import write_requirements

    path = build.experiment / "requirements.txt"
    console.print_line(f"wrote {write_requirements(path)} packages to {path}")
