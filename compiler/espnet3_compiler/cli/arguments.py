"""Parse the command line of ``espnet3-compile``."""

import argparse
import re
import sys
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from pathlib import Path

from msgspec import Struct

from espnet3_compiler.filesystem import is_directory, is_file, path_exists
from espnet3_schemas.terminal import terminal_columns

MANIFEST = "recipe.yaml"
FORMATS = ("human", "json", "github", "sarif")
_CONFIG_OPTION = r"--([A-Za-z_]\w*)_config(?:=(.+))?"
SHELLS = ("bash", "zsh", "fish")
GRAPHS = ("mermaid", "text")
TEMPLATES = ("classifier", "asr", "finetune", "sweep", "lightning")
EPILOG = (
    "espnet3-compile schema NAME prints a schema for editors, --write puts them beside a recipe\n"
    "editors: espnet3-compile lsp is a language server on standard input and output\n"
    "exit codes: 0 clean or warnings only, 1 mistakes, 2 wrong usage, 3 a bug of espnet3-compile"
)


class Arguments(Struct, frozen=True):
    """The options of the command line; see the help texts."""

    manifests: Sequence[Path]
    changed: bool
    output: Path | None
    check: bool
    deep: bool
    deep_timeout: float
    deep_memory: float
    fix: bool
    strict: bool
    sets: Sequence[str]
    format: str
    explain: str | None
    graph: str | None
    why: str | None
    diff: bool
    init: str | None
    template: str | None
    from_espnet3: Path | None
    force: bool
    print_completion: str | None
    names: bool
    config_files: Mapping[str, Path]


def parse_arguments(argv: Sequence[str]) -> Arguments:
    """Return the parsed arguments.

    Raises:
        SystemExit: With 2 for wrong usage, with 0 after ``--help`` and ``--version``.
    """
    parser = build_parser()
    words, files = _take_config_files(argv)
    given, unknown = parser.parse_known_args(_with_graph_default(words))
    if unknown:
        parser.error(f"unrecognized arguments: {' '.join(unknown)}{_guess_option(unknown, parser)}")
    starts = [start for start in (given.init, given.from_espnet3) if start is not None]
    answers = given.explain is not None or given.print_completion or given.names
    if not (given.manifests or given.changed or starts or answers):
        given.manifests = [Path(MANIFEST)] if is_file(Path(MANIFEST)) else []
        if not given.manifests:
            parser.error("name a manifest or a directory to look for recipe.yaml in")
    problem = _config_problem(files, given)
    if problem:
        parser.error(problem)
    if given.diff and given.from_espnet3 is None and (problem := _diff_problem(given, files)):
        parser.error(problem)
    if given.changed and not given.check:
        parser.error("--changed goes with --check")
    if starts and (len(starts) > 1 or given.manifests):
        parser.error("--init and --from-espnet3 stand alone, without a manifest")
    if given.force and given.from_espnet3 is None:
        parser.error("--force goes with --from-espnet3")
    if given.template and given.init is None:
        parser.error("--template goes with --init")
    return Arguments(**vars(given), config_files=files)


def _guess_option(words: Sequence[str], parser: argparse.ArgumentParser) -> str:
    """Return what the first unknown option was probably meant to be, as the end of a message."""
    from espnet3_compiler.diagnostics.suggest import closest_match

    wrong = next((word for word in words if word.startswith("-")), "").strip("-")
    known = re.findall(r"--(\w[\w-]*)", parser.format_usage())
    near = closest_match(wrong.partition("=")[0], known) if wrong else None
    return f"; did you mean --{near}?" if near else ""


def _take_config_files(argv: Sequence[str]) -> tuple[list[str], dict[str, Path]]:
    """Return the words without ``--NAME_config PATH``, and the paths by name."""
    rest: list[str] = []
    files: dict[str, Path] = {}
    words = iter(argv)
    for word in words:
        option = re.fullmatch(_CONFIG_OPTION, word) if "_config" in word else None
        path = option and (option[2] or next(words, None))
        if option and path:
            files[option[1]] = Path(path)
        else:
            rest.append(word)
    return rest, files


def _config_problem(files: Mapping[str, Path], given: argparse.Namespace) -> str | None:
    """Return why the configs that are given cannot be checked, or None."""
    for name, path in files.items():
        option = f"--{name}_config"
        if not (given.check or given.why or given.graph):
            return (
                f"{option} goes with --check; a build takes it when it runs: build/run.py {option}"
            )
        if len(given.manifests) != 1 or is_directory(given.manifests[0]):
            return f"{option} takes one manifest"
        if not path_exists(path):
            return f'{option}: there is no file "{path}"'
    return None


def _diff_problem(given: argparse.Namespace, files: Mapping[str, Path]) -> str | None:
    """Return why two recipes cannot be compared with these options, or None."""
    if len(given.manifests) != 2:  # noqa: PLR2004 - one and the other
        return "--diff takes two manifests or locks"
    if given.format not in ("human", "json"):
        return "--diff writes --format human or json"
    others = ("check", "deep", "fix", "strict", "sets", "graph", "why", "output")
    wrong = next((f"--{name}" for name in others if getattr(given, name)), None)
    wrong = wrong or next((f"--{name}_config" for name in files), None)
    return f"{wrong.replace('--sets', '--set')} does not go with --diff" if wrong else None


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="espnet3-compile",
        description="Check a recipe manifest and compile it into a directory that runs.",
        epilog=EPILOG,
        formatter_class=_help_formatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add(
        "manifests",
        metavar="MANIFEST",
        nargs="*",
        type=Path,
        help="recipe.yaml (the one here, unless given), a file that belongs to one, a directory to "
        "search, or a recipe.lock.json to build again",
    )
    add(
        "-o",
        "--output",
        metavar="DIR",
        type=Path,
        help="where the build goes (build/ beside the manifest)",
    )
    add("--check", action="store_true", help="report mistakes, write nothing")
    add(
        "--changed",
        action="store_true",
        help="with --check: the files are changed ones; check the manifests that they belong to, "
        "pass over the others",
    )
    add(
        "--deep",
        action="store_true",
        help="also run the recipe's code: import targets, build models, try a batch",
    )
    add(
        "--deep-timeout",
        metavar="SECONDS",
        type=_positive_number,
        default=120.0,
        help="stop --deep after so long for each manifest (120)",
    )
    add(
        "--deep-memory",
        metavar="GIB",
        type=_positive_number,
        default=8.0,
        help="the most memory that --deep may use (8)",
    )
    add("--fix", action="store_true", help="apply the suggestions that are certain, then check")
    add(
        "--strict",
        action="store_true",
        help="treat warnings, and targets that were not checked, as mistakes",
    )
    add(
        "--set",
        metavar="NAME.KEY=VALUE",
        action="append",
        dest="sets",
        default=[],
        help="set a value of a config or model",
    )
    add(
        "--format",
        choices=FORMATS,
        default="human",
        help="of the report; machine formats go to stdout",
    )
    add(
        "--explain",
        metavar="CODE",
        nargs="?",
        const="",
        help="explain a finding, for example R601 or unknown-key; without a code, list all",
    )
    add("--graph", choices=GRAPHS, help="print the stage graph instead of building (default text)")
    add("--why", metavar="NAME.KEY", help="print the places that set a value instead of building")
    add(
        "--diff",
        action="store_true",
        help="say what differs between two manifests or locks after composition; "
        "exits with 0 for nothing, 1 for something, 2 if one cannot be read. "
        "With --from-espnet3: show both recipes side by side, write nothing",
    )
    add(
        "--version",
        action=_VersionAction,
        nargs=0,
        default=argparse.SUPPRESS,
        help="print the version",
    )
    add(
        "--print-completion",
        choices=SHELLS,
        help="print what a shell reads to complete the command line, of build/run.py too",
    )
    add("--names", action="store_true", help=argparse.SUPPRESS)  # what completion asks
    parser.add_argument_group(
        "configs for the command line of run.py",
        "--NAME_config PATH checks a manifest with this file in the place of the config NAME",
    )
    add = parser.add_argument_group("starting a recipe").add_argument
    add("--init", metavar="PATH", help="make the directory PATH with a recipe that runs as it is")
    add(
        "--template",
        choices=TEMPLATES,
        metavar="TEMPLATE",
        help="what --init makes: classifier (default), asr (a recogniser of your recordings), "
        "finetune, sweep or lightning",
    )
    add(
        "--from-espnet3",
        metavar="DIR",
        type=Path,
        help="write recipe.yaml for an ESPnet3 recipe, beside its files",
    )
    add("--force", action="store_true", help="let --from-espnet3 replace existing files")
    return parser


def _positive_number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f'"{text}" is no number') from None
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return value


def _help_formatter(prog: str) -> argparse.HelpFormatter:
    """Return a formatter that knows its width: to find it, it would import ``shutil``."""
    width = terminal_columns(sys.stdout) or 80
    return argparse.RawDescriptionHelpFormatter(prog, width=max(width - 2, 40))


def _with_graph_default(argv: Sequence[str]) -> list[str]:
    """Write ``--graph=text`` for a bare ``--graph``, so that it does not take a manifest."""
    return [
        "--graph=text" if word == "--graph" and after not in GRAPHS else word
        for word, after in zip_longest(argv, argv[1:])
    ]


class _VersionAction(argparse.Action):
    """Looks the version up only for ``--version``: that takes longer than a check."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from espnet3_schemas.installation import installed_version

        print(f"{parser.prog} {installed_version() or '(not installed)'}")
        parser.exit()
