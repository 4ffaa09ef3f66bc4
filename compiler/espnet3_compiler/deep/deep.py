"""``--deep``: find the mistakes that show only when the recipe's code runs."""

from msgspec import Struct
from msgspec.structs import replace

from espnet3_compiler.deep.findings import (
    model_summaries,
    probe_findings,
    recipe_warnings,
    unprobed_notes,
)
from espnet3_compiler.deep.process import ProbeLimits, missing_packages, run_probe
from espnet3_compiler.deep.request import make_request
from espnet3_compiler.ignored import without_ignored
from espnet3_compiler.pipeline import display_name
from espnet3_compiler.result import CompileResult, sort_findings
from espnet3_schemas.installation import install_command


class DeepResult(Struct, frozen=True):
    """The result of one manifest.

    Attributes:
        outcome: With the findings of the probe; without a plan when one of them is an error.
        report: The models that were built and the parts that were not probed, one line each.
    """

    outcome: CompileResult
    report: tuple[str, ...] = ()


def unavailable_reason() -> str | None:
    """Return why nothing can be probed here, with advice."""
    absent = missing_packages()
    if not absent:
        return None
    return (
        f"--deep needs {', '.join(absent)}, not installed here; run: {install_command('runtime')}"
    )


def check_deeply(outcome: CompileResult, limits: ProbeLimits) -> DeepResult:
    """Probe a recipe that has no mistakes; leave others as they are."""
    plan, recipe, resolved = outcome.plan, outcome.recipe, outcome.resolved
    if plan is None or recipe is None or resolved is None:
        return DeepResult(outcome)
    answer = run_probe(make_request(plan, limits.memory), limits)
    found = without_ignored(probe_findings(answer, recipe, resolved, limits))
    name = display_name(outcome.path)
    more = replace(outcome, diagnostics=sort_findings((*outcome.diagnostics, *found), name))
    told = (*model_summaries(answer), *recipe_warnings(answer), *unprobed_notes(answer))
    lines = [f"  {line}" for line in told]
    return DeepResult(more, (f"{name}, looked at in depth:", *lines) if lines else ())
