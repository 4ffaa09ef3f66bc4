"""``run.py``: from a command line to finished stages."""

import hashlib
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from espnet3_runtime import console
from espnet3_runtime.build import Build, load_build
from espnet3_runtime.errors import BuildError, UsageError, UserError
from espnet3_runtime.experiment import Experiment
from espnet3_runtime.failures import Locate
from espnet3_runtime.interrupts import SIGNAL_CODE, Interrupts, Terminated
from espnet3_runtime.launch_arguments import Arguments, read_arguments
from espnet3_runtime.lockfile import locked
from espnet3_runtime.plan import Verdict, plan, stale_upstream
from espnet3_runtime.ranks import Follower, Leader, Rank, detect
from espnet3_runtime.system import System

if TYPE_CHECKING:
    from espnet3_runtime.execute import Runner

USAGE, FAILED = 2, 1


class Recomposed(Protocol):
    """What the compiler's loader returns: a report, and the would-be texts of the build."""

    @property
    def ok(self) -> bool:
        """Whether nothing was found."""

    @property
    def report(self) -> str:
        """The findings as a person reads them."""

    @property
    def files(self) -> Mapping[str, str]:
        """Texts by path relative to the build."""


Recompose = Callable[[Path, Mapping[str, Path], Sequence[str]], Recomposed]


def launch(
    system_cls: type[System],
    build: Path,
    argv: Sequence[str] | None = None,
    recompose: Recompose | None = None,
    locate: Locate | None = None,
) -> int:
    """Run the stages that the command line asks for.

    Args:
        system_cls: The generated System.
        build: The build directory.
        argv: Arguments without the program; those of the process by default.
        recompose: The compiler's loader, for configs and values given on the command line.
        locate: Gives the manifest place of a stage, for messages.

    Returns:
        0; 1 when a stage failed or the recipe has a mistake; 2 for a wrong command line;
        130 after Ctrl-C, 143 after SIGTERM.
    """
    arguments = sys.argv[1:] if argv is None else argv
    try:
        with _unmoved():
            return _launch(system_cls, build, arguments, recompose, locate)
    except SystemExit as exit_:  # argparse after --help
        return int(exit_.code or 0)
    except UsageError as error:
        console.complain(f"error: {error}")
        return USAGE
    except UserError as error:
        console.complain(f"error: {error}")
        return FAILED
    except OSError as error:
        console.complain(f"error: {error}")
        return FAILED
    except KeyboardInterrupt as error:
        console.complain("stopped: between stages")
        number = signal.SIGTERM if isinstance(error, Terminated) else signal.SIGINT
        return SIGNAL_CODE + number


def _launch(
    system_cls: type[System],
    directory: Path,
    argv: Sequence[str],
    recompose: Recompose | None,
    locate: Locate | None,
) -> int:
    rank = detect()
    start = Path(rank.order.directory) if rank.order else Path.cwd()
    build = load_build(directory)
    arguments = read_arguments(build, argv, start)
    _check_sources(build)
    _check_code(build)
    build = _overridden(build, arguments, recompose)
    _check_system(system_cls, build)
    _enter(build.recipe_dir)
    if rank.number:
        return _follow(system_cls, build, rank)
    if arguments.list:
        return _list(system_cls, build)
    if arguments.verify:
        from espnet3_runtime.verify import verify

        return verify(Experiment(build))
    if arguments.dry_run:
        _plan(Experiment(build), arguments)
        return 0
    return _run(system_cls, build, arguments, rank, locate, start)


def _list(system_cls: type[System], build: Build) -> int:
    experiment = Experiment(build)
    receipts = {stage.name: experiment.receipt(stage.name) for stage in build.stages}
    console.show_list(build, receipts, {spec.name: spec.description for spec in system_cls.stages})
    return 0


def _plan(experiment: Experiment, arguments: Arguments) -> tuple[Verdict, ...]:
    """Decide what runs and print it, with warnings about what is used although out of date."""
    build = experiment.build
    verdicts = plan(build, experiment, arguments.stages, force=arguments.force)
    console.show_plan(build, verdicts, most=None if arguments.dry_run else 3)
    for name, reasons in stale_upstream(build, experiment, verdicts).items():
        console.complain(
            f'warning: stage "{name}" is out of date ({reasons[0]}) and not asked for; '
            "what it made before is used"
        )
    return verdicts


def _run(
    system_cls: type[System],
    build: Build,
    arguments: Arguments,
    rank: Rank,
    locate: Locate | None,
    start: Path,
) -> int:
    from espnet3_runtime.session import Session

    runner = _runner(system_cls, build)
    lock = build.experiment / "stages" / ".lock"
    with locked(lock, f'"{build.exp_dir}"'), runner.interrupts.installed():
        runner.experiment.keep_salt()
        leader = Leader(build.experiment, rank.size) if rank.size > 1 else None
        code = FAILED
        try:
            verdicts = _plan(runner.experiment, arguments)
            if arguments.write_requirements:
                _write_requirements(build)
            session = Session(runner, arguments.force, locate, leader, str(start))
            code = session.run(verdicts)
        finally:
            if leader is not None:
                leader.finish(code)
    return code


def _follow(system_cls: type[System], build: Build, rank: Rank) -> int:
    """Join the training stages that rank 0 runs."""
    runner = _runner(system_cls, build, rank.number)
    follower = None if rank.order else Follower(build.experiment, rank.number)
    orders = follower.orders() if follower else (rank.order,)
    with runner.interrupts.installed():
        for order in orders:
            assert order is not None
            for stage in build.stages:
                runner.experiment.forget(stage.name)
            runner.run(build.stage(order.stage), resume=order.resume)
    return follower.code if follower else 0


def _runner(system_cls: type[System], build: Build, rank: int = 0) -> "Runner":
    from espnet3_runtime.execute import Runner

    configs = {f"{name}_config": build.config(name) for name in build.configs}
    interrupts = Interrupts(say=lambda text: console.complain(f"stopping: {text}"))
    return Runner(build, system_cls(**configs), Experiment(build), interrupts, rank)


def _check_sources(build: Build) -> None:
    """Refuse a build whose sources have changed."""
    again = f"run: espnet3-compile {build.manifest}"
    for path, sha256 in build.sources.items():
        try:
            data = (build.recipe_dir / path).read_bytes()
        except OSError:
            raise BuildError(f'"{path}", which was compiled, cannot be read', hint=again) from None
        if hashlib.sha256(data).hexdigest() != sha256:
            raise BuildError(f'"{path}" changed since it was compiled', hint=again)


def _check_code(build: Build) -> None:
    """Refuse generated Python that was changed: no fingerprint would tell what it does now."""
    for path, sha256 in build.code.items():
        data = (build.directory / path).read_bytes()
        if hashlib.sha256(data).hexdigest() != sha256:
            again = f"change the manifest, then run: espnet3-compile {build.manifest}"
            raise BuildError(f'"{path}" of the build was changed by hand', hint=again)


def _overridden(build: Build, arguments: Arguments, recompose: Recompose | None) -> Build:
    if not arguments.config_files and not arguments.sets:
        return build
    if recompose is None:
        raise UsageError("this run.py takes no configs or values; compile the recipe again")
    composed = recompose(build.directory, arguments.config_files, arguments.sets)
    if not composed.ok:
        sys.stderr.write(
            composed.report if composed.report.endswith("\n") else f"{composed.report}\n"
        )
        raise SystemExit(FAILED)
    return load_build(build.directory, composed.files)


def _check_system(system_cls: type[System], build: Build) -> None:
    table = [(spec.name, spec.run, spec.call) for spec in system_cls.stages]
    if table != [(stage.name, stage.run, stage.call) for stage in build.stages]:
        again = f"run: espnet3-compile {build.manifest}"
        raise BuildError("system.py and recipe.lock.json are not of one build", hint=again)


def _enter(recipe_dir: Path) -> None:
    """Make the recipe importable and its relative paths right."""
    sys.argv[0] = os.path.abspath(sys.argv[0])  # noqa: PTH100 - Lightning starts it again from here
    os.chdir(recipe_dir)
    if sys.path[:1] != [str(recipe_dir)]:
        sys.path.insert(0, str(recipe_dir))
    process = sys.modules.get("multiprocessing.process")
    if process is not None:  # spawned workers go where this process was started
        process.ORIGINAL_DIR = str(recipe_dir)  # type: ignore[attr-defined]


@contextmanager
def _unmoved() -> Iterator[None]:
    """Put working directory, path and argv back: ``launch`` may be called from a program."""
    directory, path, program = Path.cwd(), list(sys.path), sys.argv[0]
    try:
        yield
    finally:
        sys.path[:] = path
        sys.argv[0] = program
        os.chdir(directory)


def _write_requirements(build: Build) -> None:
    from espnet3_runtime.requirements import write_requirements

    path = build.experiment / "requirements.txt"
    console.say(f"wrote {write_requirements(path)} packages to {path}")
