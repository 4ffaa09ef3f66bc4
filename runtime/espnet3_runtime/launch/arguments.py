"""The command line of ``run.py``."""

import argparse
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from espnet3_runtime.build.lock import Build
from espnet3_runtime.errors import UsageError, did_you_mean, nearest

_ALL = "all"
_FLAGS = (
    *("dry_run", "force", "list", "verify", "write_requirements"),
    *("preflight", "no_preflight", "keep_going", "report"),
)


@dataclass(frozen=True, slots=True)
class Arguments:
    """The parsed command line.

    Attributes:
        stages: The wanted stages in their declared order.
        config_files: Files given for configs, absolute, by config name.
        sets: ``name.key=value`` arguments.
        dry_run: Only show what would run, and why.
        force: Run stages that are up to date, too.
        list: Show the stages and their state.
        verify: Hash all outputs again and compare.
        write_requirements: Write the installed packages beside the receipts.
        preflight: Only look at the stages.
        no_preflight: Do not look at the stages before the first of them runs.
        keep_going: After a failure go on with the stages that do not depend on it.
        report: Only write the report.
        jobs: How many stages run side by side, each in a process of its own; None: one after the
            other in this one.
        cluster: A file with the cluster whose jobs they are then, absolute.
        format: How the report of ``preflight`` is written: ``human`` or ``json``.
        words: The command line as it was given.
    """

    stages: tuple[str, ...]
    config_files: Mapping[str, Path]
    sets: tuple[str, ...]
    dry_run: bool
    force: bool
    list: bool
    verify: bool
    write_requirements: bool
    preflight: bool
    no_preflight: bool
    keep_going: bool
    report: bool
    jobs: int | None
    cluster: Path | None
    format: str
    words: tuple[str, ...] = field(default=(), compare=False)


class _ArgumentParser(argparse.ArgumentParser):
    """Raises instead of exiting, so that every mistake is reported in one way."""

    def error(self, message: str) -> None:  # type: ignore[override]
        raise UsageError(message, hint="--help lists the arguments")


def read_arguments(build: Build, argv: Sequence[str], directory: Path) -> Arguments:
    """Parse a command line.

    Args:
        build: The compiled recipe, with its stages and configs.
        argv: The arguments, without the program.
        directory: The start of relative paths.

    Raises:
        UsageError: An argument is unknown, or names a stage or file that does not exist.
        SystemExit: ``--help`` was given and shown.
    """
    parser = _make_parser(build)
    given, unknown = parser.parse_known_args(argv)
    if unknown:
        hint = _guess_option(unknown, parser)
        raise UsageError(f"unrecognized arguments: {' '.join(unknown)}", hint=hint)
    files = {
        name: directory / path
        for name in build.configs
        if (path := getattr(given, f"{name}_config")) is not None
    }
    for name, path in files.items():
        if not path.is_file():
            raise UsageError(f'--{name}_config: there is no file "{path}"')
    for text in given.set:
        _check_set(text, build)
    if given.cluster is not None and given.jobs is None:
        raise UsageError("--cluster needs --jobs N: so many jobs are queued or run at a time")
    if given.cluster is not None and not (directory / given.cluster).is_file():
        raise UsageError(f'--cluster: there is no file "{directory / given.cluster}"')
    if given.format and not given.preflight:
        raise UsageError("--format is about the report of --preflight")
    return Arguments(
        stages=_select_stages(given.stages, build),
        config_files=files,
        sets=tuple(given.set),
        format=given.format or "human",
        jobs=given.jobs,
        cluster=None if given.cluster is None else directory / given.cluster,
        words=tuple(argv),
        **{flag: getattr(given, flag) for flag in _FLAGS},
    )


def _guess_option(words: Sequence[str], parser: argparse.ArgumentParser) -> str:
    """Return what the first unknown option was probably meant to be; otherwise where all are."""
    wrong = next((word.partition("=")[0] for word in words if word.startswith("-")), "")
    near = nearest(wrong.strip("-"), re.findall(r"--(\w+)", parser.format_usage()))
    return f'did you mean "--{near}"?' if near else "--help lists the arguments"


def _make_parser(build: Build) -> argparse.ArgumentParser:
    parser = _ArgumentParser(
        prog="run.py",
        description=f"Run the stages of {build.recipe}. What is up to date is skipped.",
        epilog=f"stages, in this order: {' '.join(stage.name for stage in build.stages)}",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--stages", nargs="+", metavar="NAME", default=[_ALL], help="stages to run (default: all)")
    for name in build.configs:
        add(f"--{name}_config", metavar="PATH", help=f"take this file for the config {name}")
    add(
        "--set",
        action="append",
        default=[],
        metavar="NAME.KEY=VALUE",
        help="change one value of a config or model, or recipe.exp_tag; may be repeated",
    )
    add("--dry_run", action="store_true", help="show what would run, and why; change nothing")
    add("--force", action="store_true", help="run the stages even when they are up to date")
    add(
        "--keep_going",
        action="store_true",
        help="after a failure go on with the stages that do not depend on it",
    )
    add(
        "--jobs",
        type=_count_of_jobs,
        metavar="N",
        help="run up to N stages that do not depend on each other side by side",
    )
    add(
        "--cluster",
        metavar="PATH",
        help="with --jobs: run each stage as a job of the cluster that this file describes",
    )
    add("--list", action="store_true", help="show all stages and their state")
    add("--verify", action="store_true", help="hash all outputs again and compare with receipts")
    add("--report", action="store_true", help="write the report of what is there; run nothing")
    add(
        "--preflight",
        action="store_true",
        help="only look at all that the stages need; run nothing",
    )
    add("--format", choices=["human", "json"], help="how --preflight reports (default: human)")
    add("--no_preflight", action="store_true", help="do not look at the stages before they run")
    add("--write_requirements", action="store_true", help="write requirements.txt as installed")
    return parser


def _count_of_jobs(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f'"{text}" is no number of stages, 1 or more')
    return int(text)


def _select_stages(names: Sequence[str], build: Build) -> tuple[str, ...]:
    known = tuple(stage.name for stage in build.stages)
    for name in names:
        if name != _ALL and name not in known:
            hint = did_you_mean(name, (*known, _ALL))
            raise UsageError(f'there is no stage "{name}"', hint=hint)
    return known if _ALL in names else tuple(name for name in known if name in names)


def _check_set(text: str, build: Build) -> None:
    name, dot, _ = text.partition("=")[0].partition(".")
    known = ("recipe", *build.configs, *build.models)
    if not dot or "=" not in text:
        raise UsageError(f'--set "{text}" is not of the form name.key=value')
    if name not in known:
        hint = did_you_mean(name, known)
        raise UsageError(f'--set "{text}": there is no config or model "{name}"', hint=hint)
