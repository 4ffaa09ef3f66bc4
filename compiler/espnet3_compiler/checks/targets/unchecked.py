"""Targets that were not compared with a signature, each with the reason."""

from collections.abc import Iterator

from msgspec import Struct

from espnet3_compiler.checks.findings import value_finding
from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.diagnostics.ignore_comments import is_ignored
from espnet3_compiler.syntax.span_key import span_key
from espnet3_compiler.syntax.tree import Scalar


class UncheckedTarget(Struct, frozen=True):
    """A target that was not judged.

    Attributes:
        path: Its dotted path as it is written.
        reason: Why, as half a sentence.
    """

    path: Scalar
    reason: str


class TargetCounts(Struct, frozen=True):
    """How many targets were compared with their signatures.

    Attributes:
        checked: Those that were, right or wrong.
        unchecked: Those that could not be, in the order of the recipe.
    """

    checked: int = 0
    unchecked: tuple[UncheckedTarget, ...] = ()

    @property
    def not_checked(self) -> int:
        """How many could not be."""
        return len(self.unchecked)

    @property
    def reasons(self) -> tuple[tuple[str, str], ...]:
        """The path of each that could not be, with the reason."""
        return tuple((str(item.path.value), item.reason) for item in self.unchecked)


def unchecked_findings(counts: TargetCounts) -> Iterator[Diagnostic]:
    """Yield R520 for every target of the recipe that was not judged, each place once.

    A comment on its line silences one (``# espnet3: ignore R520``).
    """
    seen: set[object] = set()
    for item in counts.unchecked:
        key = (span_key(item.path.span), item.reason)
        if key not in seen and not item.path.span.source.holds_defaults:
            seen.add(key)
            message = f'"{item.path.value}" was not checked: {item.reason}'
            advice = _advice(item.reason)
            found = value_finding("R520", message, item.path, item.reason, advice=advice)
            if not is_ignored(found):
                yield found


def _advice(reason: str) -> tuple[str, ...]:
    package, _, rest = reason.partition(" ")
    return (f"install {package} where the check runs",) if rest == "is not installed" else ()
