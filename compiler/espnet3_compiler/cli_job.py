"""Compile manifests for the command line: check, build, report."""

import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from espnet3_compiler.cli_arguments import Arguments
from espnet3_compiler.diagnostic import Diagnostic
from espnet3_compiler.disk import is_file
from espnet3_compiler.outcome import Outcome
from espnet3_compiler.output.summary import Summary
from espnet3_compiler.pipeline import compile_manifest, display_name
from espnet3_schemas import LOCK
from espnet3_schemas.exit_codes import CLEAN, MISTAKES, USAGE

BUILD = "build"
LOCKS = ".lock.json"


def run_all(manifests: Sequence[Path], arguments: Arguments, start: float) -> int:
    """Compile manifests one after the other, report once, and return the exit code.

    Args:
        manifests: Paths of manifests and locks.
        arguments: The command line.
        start: When the program started, as ``time.perf_counter`` counts seconds.
    """
    if problem := _lock_problem(manifests, arguments):
        print(f"error: {problem}", file=sys.stderr)
        return USAGE
    if arguments.deep and (problem := _deep_problem()):
        print(f"error: {problem}", file=sys.stderr)
        return USAGE
    outcomes = [_deepen(_compile(path, arguments), arguments) for path in manifests]
    codes = [CLEAN if _is_clean(outcome, arguments) else MISTAKES for outcome in outcomes]
    _report(outcomes, arguments, time.perf_counter() - start)
    codes += [_deliver(outcome, arguments) for outcome in outcomes]
    return max(codes)


def _compile(manifest: Path, arguments: Arguments) -> Outcome:
    if manifest.name.endswith(LOCKS):
        from espnet3_compiler.relock import compile_lock

        return compile_lock(manifest)
    outcome = compile_manifest(manifest, arguments.sets)
    if arguments.fix:
        from espnet3_compiler.cli_fix import apply_fixes

        if apply_fixes(outcome):
            return compile_manifest(manifest, arguments.sets)
    return outcome


def _lock_problem(manifests: Sequence[Path], arguments: Arguments) -> str | None:
    """A lock says what is compiled; nothing may be added to it."""
    locks = [path.name for path in manifests if path.name.endswith(LOCKS)]
    if not locks or not (arguments.sets or arguments.fix):
        return None
    option = "--set" if arguments.sets else "--fix"
    return f'"{locks[0]}" is compiled as it is: give {option} to the manifest'


def _deep_problem() -> str | None:
    from espnet3_compiler.deep import problem

    return problem()


def _deepen(outcome: Outcome, arguments: Arguments) -> Outcome:
    """Run what ``--deep`` runs, and say on stderr what was seen, whatever the format."""
    if not arguments.deep:
        return outcome
    from espnet3_compiler.deep import deepen
    from espnet3_compiler.deep_run import Limits

    limits = Limits(arguments.deep_timeout, int(arguments.deep_memory * (1 << 30)))
    deepened = deepen(outcome, limits)
    for line in deepened.report:
        print(line, file=sys.stderr)
    return deepened.outcome


def _is_clean(outcome: Outcome, arguments: Arguments) -> bool:
    return outcome.ok and not (arguments.strict and outcome.diagnostics)


def _deliver(outcome: Outcome, arguments: Arguments) -> int:
    """Print or write what is wanted of a manifest, and return the exit code."""
    if arguments.graph is not None:
        return _print_graph(outcome, arguments.graph)
    if arguments.why is not None:
        return _print_why(outcome, arguments.why)
    build = build_of(outcome.path, arguments.output or outcome.build)
    if arguments.check:
        if not (outcome.ok and is_file(build / LOCK)):
            return CLEAN
        from espnet3_compiler.cli_write import compare

        return compare(outcome, build, arguments.strict)
    if not _is_clean(outcome, arguments):
        return CLEAN
    from espnet3_compiler.cli_write import write

    return write(outcome, build)


def build_of(manifest: Path, output: Path | None) -> Path:
    """Return the absolute build directory of a manifest."""
    return (output or manifest.parent / BUILD).resolve()


def _print_graph(outcome: Outcome, form: str) -> int:
    if outcome.recipe is None or outcome.resolved is None:
        return CLEAN
    from espnet3_compiler import graph

    draw = {"mermaid": graph.mermaid, "text": graph.text}[form]
    sys.stdout.write(draw(outcome.recipe, outcome.resolved))
    return CLEAN


def _print_why(outcome: Outcome, path: str) -> int:
    if outcome.resolved is None:
        return CLEAN
    from espnet3_compiler.why import why

    answer, known = why(outcome, path)
    (sys.stdout if known else sys.stderr).write(answer)
    return CLEAN if known else USAGE


def _report(outcomes: Iterable[Outcome], arguments: Arguments, seconds: float) -> None:
    outcomes = tuple(outcomes)
    findings = [finding for outcome in outcomes for finding in outcome.diagnostics]
    summary = Summary(
        manifests=tuple(display_name(outcome.path) for outcome in outcomes),
        targets=sum(outcome.counts.checked for outcome in outcomes),
        unchecked=sum(outcome.counts.not_checked for outcome in outcomes),
        seconds=round(seconds, 2),
    )
    if arguments.format == "human":
        sys.stderr.write(_human(findings, summary))
    else:
        sys.stdout.write(_renderer(arguments.format)(findings, summary))


def _human(findings: Sequence[Diagnostic], summary: Summary) -> str:
    from espnet3_compiler.output import human

    colour = sys.stderr.isatty() and "NO_COLOR" not in os.environ
    return human.render(findings, summary, colour=colour)


def _renderer(form: str) -> Callable[[Sequence[Diagnostic], Summary], str]:
    from espnet3_compiler.output import as_json, github, sarif

    return {"json": as_json.render, "github": github.render, "sarif": sarif.render}[form]
