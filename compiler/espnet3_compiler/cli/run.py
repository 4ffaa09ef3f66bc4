"""Compile the manifests of the command line, report once, and write the builds."""

import sys
import time
from collections.abc import Sequence
from contextlib import redirect_stderr
from functools import partial
from io import StringIO
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from espnet3_compiler.checks.targets.unchecked import TargetCounts, unchecked_findings
from espnet3_compiler.cli.arguments import Arguments
from espnet3_compiler.cli.manifests import LOCK_SUFFIX
from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.filesystem import is_file, lies_below, real_path
from espnet3_compiler.output.summary import Summary
from espnet3_compiler.pipeline import compile_manifest, display_name
from espnet3_compiler.result import CompileResult, sort_findings
from espnet3_schemas import LOCK
from espnet3_schemas.exit_codes import CLEAN, MISTAKES, USAGE
from espnet3_schemas.terminal import takes_colour, terminal_columns

BUILD = "build"
MANY = 16
"""Manifests from which on the start of other processes costs less than it saves."""


def run_all(manifests: Sequence[Path], arguments: Arguments, start: float) -> int:
    """Compile manifests, report once, and return the exit code.

    Args:
        manifests: Paths of manifests and locks.
        arguments: The command line.
        start: When the program started, as ``time.perf_counter`` counts seconds.
    """
    problem = _lock_problem(manifests, arguments)
    if arguments.deep and not problem:
        from espnet3_compiler.deep.deep import unavailable_reason

        problem = unavailable_reason()
    if problem:
        print(f"error: {problem}", file=sys.stderr)
        return USAGE
    if len(manifests) >= MANY and _only_checks(arguments):
        return _check_many(manifests, arguments, start)
    outcomes = [_compile_whole(path, arguments) for path in manifests]
    codes = [CLEAN if _is_clean(outcome, arguments) else MISTAKES for outcome in outcomes]
    _print_report(outcomes, arguments, time.perf_counter() - start)
    codes += [_produce_output(outcome, arguments) for outcome in outcomes]
    return max(codes)


class _Checked(Struct, frozen=True):
    """What is reported of a manifest that another process has checked.

    Attributes:
        path: The manifest, absolute.
        diagnostics: Every finding.
        counts: How many targets were checked.
        codes: Exit codes.
        said: What is printed on stderr below the report.
    """

    path: Path
    diagnostics: tuple[Diagnostic, ...]
    counts: TargetCounts
    codes: tuple[int, ...]
    said: str


def _only_checks(arguments: Arguments) -> bool:
    """Return whether nothing but a report is asked for: no file is written, nothing is run."""
    others = (arguments.fix, arguments.deep, arguments.graph is not None, arguments.why is not None)
    return arguments.check and not any(others)


def _check_many(manifests: Sequence[Path], arguments: Arguments, start: float) -> int:
    """Check manifests on all cores, and report them as if they had been checked in their order."""
    from espnet3_compiler.cli.processes import map_in_processes

    checked = map_in_processes(partial(_check_one, arguments=arguments), manifests)
    _print_report(checked, arguments, time.perf_counter() - start)
    sys.stderr.write("".join(one.said for one in checked))
    return max(code for one in checked for code in one.codes)


def _check_one(manifest: Path, arguments: Arguments) -> _Checked:
    outcome = _compile_whole(manifest, arguments)
    code = CLEAN if _is_clean(outcome, arguments) else MISTAKES
    with redirect_stderr(StringIO()) as said:
        codes = (code, _produce_output(outcome, arguments))
    return _Checked(outcome.path, outcome.diagnostics, outcome.counts, codes, said.getvalue())


def _compile_whole(manifest: Path, arguments: Arguments) -> CompileResult:
    outcome = _run_deep(_compile_path(manifest, arguments), arguments)
    refuses = arguments.strict and not arguments.deep
    return _refuse_unchecked(outcome) if refuses else outcome


def _compile_path(manifest: Path, arguments: Arguments) -> CompileResult:
    if manifest.name.endswith(LOCK_SUFFIX):
        from espnet3_compiler.relock.relock import compile_lock

        return compile_lock(manifest)
    files = arguments.config_files
    outcome = compile_manifest(manifest, arguments.sets, files)
    if arguments.fix:
        from espnet3_compiler.cli.fix import apply_fixes

        if apply_fixes(outcome):
            outcome = compile_manifest(manifest, arguments.sets, files)
    found = arguments.changed or manifest not in arguments.manifests  # by a directory, or a file
    if arguments.check and found:
        from espnet3_compiler.cli.variants import with_variants

        return with_variants(outcome)
    return outcome


def _lock_problem(manifests: Sequence[Path], arguments: Arguments) -> str | None:
    """A lock is compiled as it is: it takes no other options."""
    locks = [path.name for path in manifests if path.name.endswith(LOCK_SUFFIX)]
    if not locks or not (arguments.sets or arguments.fix or arguments.config_files):
        return None
    option = "--set" if arguments.sets else "--fix" if arguments.fix else "a config"
    return f'"{locks[0]}" is compiled as it is: give {option} to the manifest'


def _run_deep(outcome: CompileResult, arguments: Arguments) -> CompileResult:
    """Run ``--deep``, and print its summary on stderr in any format."""
    if not arguments.deep:
        return outcome
    from espnet3_compiler.deep.deep import check_deeply
    from espnet3_compiler.deep.process import ProbeLimits

    limits = ProbeLimits(arguments.deep_timeout, int(arguments.deep_memory * (1 << 30)))
    deepened = check_deeply(outcome, limits)
    for line in deepened.report:
        print(line, file=sys.stderr)
    return deepened.outcome


def _is_clean(outcome: CompileResult, arguments: Arguments) -> bool:
    return outcome.ok and not (arguments.strict and outcome.diagnostics)


def _refuse_unchecked(outcome: CompileResult) -> CompileResult:
    """Add R520 to the findings."""
    found = [*outcome.diagnostics, *unchecked_findings(outcome.counts)]
    return replace(outcome, diagnostics=sort_findings(found, display_name(outcome.path)))


def _produce_output(outcome: CompileResult, arguments: Arguments) -> int:
    """Print or write the output for one manifest, and return the exit code."""
    if arguments.graph is not None:
        return _print_graph(outcome, arguments.graph)
    if arguments.why is not None:
        return _print_why(outcome, arguments.why)
    build = real_path(arguments.output or outcome.build or outcome.path.parent / BUILD)
    named = arguments.output or outcome.build
    if not (named or lies_below(build, outcome.path.parent)):
        shown = display_name(outcome.path.parent / BUILD)
        print(f"error: {shown} leads out of the recipe; name its target with -o", file=sys.stderr)
        return USAGE
    if arguments.check:
        if arguments.config_files or not (outcome.ok and is_file(build / LOCK)):
            return CLEAN
        from espnet3_compiler.cli.build import compare_build

        return compare_build(outcome, build, arguments.strict)
    if not _is_clean(outcome, arguments):
        return CLEAN
    from espnet3_compiler.cli.build import save_build

    return save_build(outcome, build)


def _print_graph(outcome: CompileResult, form: str) -> int:
    if outcome.recipe is None or outcome.resolved is None:
        return CLEAN
    from espnet3_compiler.cli import graph

    draw = {"mermaid": graph.render_mermaid, "text": graph.render_text}[form]
    sys.stdout.write(draw(outcome.recipe, outcome.resolved))
    return CLEAN


def _print_why(outcome: CompileResult, path: str) -> int:
    if outcome.resolved is None:
        return CLEAN
    from espnet3_compiler.cli.why import explain_value

    answer, known = explain_value(outcome, path)
    (sys.stdout if known else sys.stderr).write(answer)
    return CLEAN if known else USAGE


def _print_report(
    outcomes: Sequence[CompileResult | _Checked], arguments: Arguments, seconds: float
) -> None:
    findings = [finding for outcome in outcomes for finding in outcome.diagnostics]
    unchecked = (item for outcome in outcomes for item in unchecked_findings(outcome.counts))
    summary = Summary(
        manifests=tuple(display_name(outcome.path) for outcome in outcomes),
        targets=sum(outcome.counts.checked for outcome in outcomes),
        unchecked=sum(outcome.counts.not_checked for outcome in outcomes),
        seconds=round(seconds, 2),
        not_checked=tuple(item for item in unchecked if item not in findings),
    )
    if arguments.format == "human":
        from espnet3_compiler.output import human

        colour, columns = takes_colour(sys.stderr), terminal_columns(sys.stderr)
        sys.stderr.write(human.render(findings, summary, colour=colour, columns=columns))
    else:
        from espnet3_compiler.output import as_json, github, sarif

        renderers = {"json": as_json.render, "github": github.render, "sarif": sarif.render}
        sys.stdout.write(renderers[arguments.format](findings, summary))
