"""``run.py``: from a command line to finished stages."""

import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from espnet3_runtime.build.lock import Build, bind_paths, load_build
from espnet3_runtime.errors import UsageError, UserError
from espnet3_runtime.incremental.experiment import Experiment
from espnet3_runtime.incremental.held_code import hold_code
from espnet3_runtime.launch import console
from espnet3_runtime.launch.arguments import Arguments, read_arguments
from espnet3_runtime.launch.failures import Locate, disk_error
from espnet3_runtime.launch.jobs.order import StageOrder, take_order
from espnet3_runtime.launch.overrides import (
    Recompose,
    apply_overrides,
    check_code,
    check_sources,
    check_system,
)
from espnet3_runtime.launch.preflight_report import (
    AnswerReport,
    Report,
    is_system,
    system_answer,
)
from espnet3_runtime.launch.run import (
    largest_node_count,
    run_as_follower,
    run_as_leader,
    show_plan,
    show_side_by_side,
)
from espnet3_runtime.process.interrupts import exit_code_of
from espnet3_runtime.process.ranks import Rank, detect_rank, with_node_count
from espnet3_runtime.process.streams import check_streams, forgiving_streams
from espnet3_runtime.system import System
from espnet3_schemas.exit_codes import CLEAN, MISTAKES, USAGE

_LOOKS = frozenset({"--dry_run", "--list", "--preflight", "--help", "-h"})


def only_looks(argv: Sequence[str]) -> bool:
    """Say whether a command line changes no file, not even bytecode."""
    return not _LOOKS.isdisjoint(argv)


def launch(
    system_cls: type[System] | Exception,
    build: Path,
    argv: Sequence[str] | None = None,
    recompose: Recompose | None = None,
    locate: Locate | None = None,
    report: Report | None = None,
) -> int:
    """Run the stages that the command line asks for.

    Args:
        system_cls: The generated System, or why it could not be imported.
        build: The build directory.
        argv: Arguments without the program; those of the process by default.
        recompose: The compiler's loader, for configs and values given on the command line.
        locate: Gives the location of a stage in the manifest, for messages.
        report: Writes findings as the compiler does.

    Returns:
        0; 1 when a stage failed or the recipe has a mistake; 2 for a wrong command line;
        130 after Ctrl-C, 143 after SIGTERM, 129 after SIGHUP, 138 after SIGUSR1 in a job of SLURM.
    """
    arguments = sys.argv[1:] if argv is None else argv
    with forgiving_streams():
        return check_streams(
            _report_problems(system_cls, build, arguments, recompose, locate, report)
        )


def _report_problems(
    system_cls: type[System] | Exception,
    build: Path,
    arguments: Sequence[str],
    recompose: Recompose | None,
    locate: Locate | None,
    report: Report | None,
) -> int:
    try:
        with _catching_interrupts(), _restoring_process_state():
            return _run_command(system_cls, build, arguments, recompose, locate, report)
    except SystemExit as exit_:  # argparse after --help
        return int(exit_.code or 0)
    except UsageError as error:
        console.print_problem(f"error: {error}")
        return USAGE
    except (UserError, OSError) as error:
        full = disk_error(error) if isinstance(error, OSError) else None
        console.print_problem(f"error: {full or error}")
        return MISTAKES
    except KeyboardInterrupt as error:
        console.print_problem("stopped: between stages")
        return exit_code_of(error)


def _run_command(
    system_cls: type[System] | Exception,
    directory: Path,
    argv: Sequence[str],
    recompose: Recompose | None,
    locate: Locate | None,
    report: Report | None,
) -> int:
    hold_code()
    job = take_order(os.environ)
    if job is not None:
        return _run_job(system_cls, job, locate)
    rank = detect_rank()
    start = Path(rank.order.directory) if rank.order else Path.cwd()
    build = load_build(directory, bind=False)
    arguments = read_arguments(build, argv, start)  # --help needs no variable
    build = bind_paths(build)
    check_sources(build)
    check_code(build)
    build = apply_overrides(build, arguments, recompose)
    answers = AnswerReport(build, arguments, report, start)
    if not is_system(system_cls):
        return MISTAKES if rank.number else answers.show([system_answer(system_cls, build)])
    check_system(system_cls, build)
    if rank.node is not None:
        rank = with_node_count(rank, largest_node_count(build))
    if arguments.jobs is not None:
        _check_jobs(rank)
    _enter_recipe(build.recipe_dir)
    if rank.number:
        return CLEAN if arguments.preflight else run_as_follower(system_cls, build, rank, start)
    if arguments.preflight:
        from espnet3_runtime.preflight.look import look_first

        stages = [build.stage(name) for name in arguments.stages]
        return answers.show(look_first(build, system_cls, stages))
    answer = _answer_without_running(system_cls, build, arguments)
    if answer is not None:
        return answer
    return run_as_leader(system_cls, answers, rank, locate)


def _answer_without_running(
    system_cls: type[System], build: Build, arguments: Arguments
) -> int | None:
    """Write the report, list the stages, verify them or show the plan; None if none is asked."""
    if arguments.report:
        return _write_report(build)
    if arguments.list:
        return _list_stages(system_cls, build, arguments)
    if arguments.verify:
        from espnet3_runtime.launch.verify import verify

        return verify(Experiment(build), arguments.stages)
    if arguments.dry_run:
        show_plan(Experiment(build), arguments)
        return CLEAN
    return None


def _check_jobs(rank: Rank) -> None:
    """Refuse ``--jobs`` where stages cannot run side by side."""
    if rank.size > 1 and rank.order is None:
        raise UsageError(
            "--jobs starts its processes itself, and this is one of several that were started",
            hint="leave out torchrun, srun or mpirun; trainer.devices starts those of a training",
        )
    if not hasattr(os, "setsid"):
        raise UsageError("--jobs needs a system with process groups, as Linux and macOS are")


def _run_job(system_cls: type[System] | Exception, job: StageOrder, locate: Locate | None) -> int:
    """Run one stage for another process, which has looked at all that is looked at below."""
    from espnet3_runtime.launch.jobs.child import run_one_stage, system_of

    texts = job.read_texts()
    build = job.load_build(texts)
    _enter_recipe(build.recipe_dir)
    return run_one_stage(system_of(build, texts, system_cls), build, job, locate)


def _list_stages(system_cls: type[System], build: Build, arguments: Arguments) -> int:
    experiment = Experiment(build)
    receipts = {stage.name: experiment.receipt(stage.name) for stage in build.stages}
    console.show_list(build, receipts, {spec.name: spec.description for spec in system_cls.stages})
    show_side_by_side(build, arguments.stages, arguments)
    return CLEAN


def _write_report(build: Build) -> int:
    from espnet3_runtime.report import write_report

    path = write_report(build.experiment, build)
    console.print_line(f"report: {Experiment(build).relative_path(path)}")
    return CLEAN


def _enter_recipe(recipe_dir: Path) -> None:
    """Make the recipe importable, and the start of its relative paths."""
    sys.argv[0] = os.path.abspath(sys.argv[0])  # noqa: PTH100 - Lightning starts it again from here
    os.chdir(recipe_dir)
    if sys.path[:1] != [str(recipe_dir)]:
        sys.path.insert(0, str(recipe_dir))
    process = sys.modules.get("multiprocessing.process")
    if process is not None:  # spawned workers start there
        process.ORIGINAL_DIR = str(recipe_dir)  # type: ignore[attr-defined]


@contextmanager
def _catching_interrupts() -> Iterator[None]:
    """Let Ctrl-C raise an exception, which ``run.py`` does not want while it imports."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _restoring_process_state() -> Iterator[None]:
    """Restore working directory, path and argv: ``launch`` may be called from a program."""
    directory, path, program = Path.cwd(), list(sys.path), sys.argv[0]
    try:
        yield
    finally:
        sys.path[:] = path
        sys.argv[0] = program
        os.chdir(directory)
