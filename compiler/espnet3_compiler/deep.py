"""``--deep``: what only shows when the recipe's code runs, asked of a process of its own."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from espnet3_compiler.deep_findings import findings, models, notes
from espnet3_compiler.deep_request import make_request
from espnet3_compiler.deep_run import Limits, missing, run_probe
from espnet3_compiler.outcome import Outcome, tidy
from espnet3_compiler.pipeline import display_name

INSTALL = 'pip install "espnet3-compile[runtime]"'


@dataclass(frozen=True, slots=True)
class Deepened:
    """The result of one manifest.

    Attributes:
        outcome: With the findings of the probe; without a plan when one of them is an error.
        report: What was built and what was not probed, for people, one line each.
    """

    outcome: Outcome
    report: tuple[str, ...] = ()


def problem() -> str | None:
    """Return why nothing can be probed here, and what to do about it."""
    absent = missing()
    if not absent:
        return None
    return f"--deep needs {', '.join(absent)}, not installed here; run: {INSTALL}"


def deepen(outcome: Outcome, limits: Limits) -> Deepened:
    """Probe a recipe that has no mistakes; leave others as they are."""
    plan, recipe, resolved = outcome.plan, outcome.recipe, outcome.resolved
    if plan is None or recipe is None or resolved is None:
        return Deepened(outcome)
    answer = run_probe(make_request(plan, recipe, resolved, limits.memory), limits)
    found = findings(answer, recipe, resolved, limits)
    name = display_name(outcome.path)
    more = replace(outcome, diagnostics=tidy((*outcome.diagnostics, *found), name))
    return Deepened(more, _report(name, [*models(answer), *notes(answer)]))


def _report(name: str, lines: Sequence[str]) -> tuple[str, ...]:
    return (f"{name}, looked at in depth:", *(f"  {line}" for line in lines)) if lines else ()
