"""The totals at the end of a report."""

from collections.abc import Iterable

from msgspec import Struct

from espnet3_compiler.diagnostics.codes import BY_NUMBER
from espnet3_compiler.diagnostics.diagnostic import Diagnostic


class Summary(Struct, frozen=True):
    """The totals of a report.

    Attributes:
        manifests: Names of the manifests that were checked, as ``Source.name`` has them.
        targets: Targets (``_target_``, ``call:``) that were compared with a signature.
        unchecked: Targets that could not be checked without importing them.
        seconds: How long it took; None leaves the time out of the report.
        not_checked: R520 for each of these, where they are no findings.
    """

    manifests: tuple[str, ...]
    targets: int = 0
    unchecked: int = 0
    seconds: float | None = None
    not_checked: tuple[Diagnostic, ...] = ()


def count_severities(diagnostics: Iterable[Diagnostic]) -> tuple[int, int]:
    """Return the number of errors and of warnings."""
    severities = [BY_NUMBER[diagnostic.code].severity for diagnostic in diagnostics]
    return severities.count("error"), severities.count("warning")


def plural(number: int, noun: str) -> str:
    """Return a number with its noun, for example ``1 error`` or ``3 errors``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def summary_line(diagnostics: Iterable[Diagnostic], summary: Summary) -> str:
    """Return the last line of a report for people."""
    errors, warnings = count_severities(diagnostics)
    found = [plural(errors, "error")] if errors else []
    found += [plural(warnings, "warning")] if warnings else []
    count = len(summary.manifests)
    name = summary.manifests[0] if count == 1 else plural(count, "manifest")
    parts = [f"{name}: {' and '.join(found) or 'no mistakes'}"]
    parts.append(f"{plural(summary.targets, 'target')} checked, {summary.unchecked} not checked")
    if summary.seconds is not None:
        parts.append(f"{summary.seconds:.2f} s")
    return "; ".join(parts)
