"""``--deep``: what only shows when the recipe's code runs, asked of a process of its own."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from espnet3_compiler.deep.findings import model_summaries, probe_findings, unprobed_notes
from espnet3_compiler.deep.process import ProbeLimits, missing_packages, run_probe
from espnet3_compiler.deep.request import make_request
from espnet3_compiler.pipeline import display_name
from espnet3_compiler.result import CompileResult, sort_findings

INSTALL_COMMAND = 'pip install "espnet3-compile[runtime]"'


@dataclass(frozen=True, slots=True)
class DeepResult:
    """The result of one manifest.

    Attributes:
        outcome: With the findings of the probe; without a plan when one of them is an error.
        report: What was built and what was not probed, for people, one line each.
    """

    outcome: CompileResult
    report: tuple[str, ...] = ()


def unavailable_reason() -> str | None:
    """Return why nothing can be probed here, and what to do about it."""
    absent = missing_packages()
    if not absent:
        return None
    return f"--deep needs {', '.join(absent)}, not installed here; run: {INSTALL_COMMAND}"


def check_deeply(outcome: CompileResult, limits: ProbeLimits) -> DeepResult:
    """Probe a recipe that has no mistakes; leave others as they are."""
    plan, recipe, resolved = outcome.plan, outcome.recipe, outcome.resolved
    if plan is None or recipe is None or resolved is None:
        return DeepResult(outcome)
    answer = run_probe(make_request(plan, recipe, resolved, limits.memory), limits)
    found = probe_findings(answer, recipe, resolved, limits)
    name = display_name(outcome.path)
    more = replace(outcome, diagnostics=sort_findings((*outcome.diagnostics, *found), name))
    return DeepResult(
        more, _report_lines(name, [*model_summaries(answer), *unprobed_notes(answer)])
    )


def _report_lines(name: str, lines: Sequence[str]) -> tuple[str, ...]:
    return (f"{name}, looked at in depth:", *(f"  {line}" for line in lines)) if lines else ()
