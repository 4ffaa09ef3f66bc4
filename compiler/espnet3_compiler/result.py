"""The result of a compile, and the order in which findings are reported."""

from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct, field

from espnet3_compiler.checks.targets.unchecked import TargetCounts
from espnet3_compiler.compose.compose import Composition
from espnet3_compiler.diagnostics.codes import BY_NUMBER
from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.syntax.tree import Mapping

if TYPE_CHECKING:
    from espnet3_compiler.build.plan import Plan


class CompileResult(Struct, frozen=True, eq=False, dict=True):
    """The result of every step for one manifest; None or empty where a step had no input.

    Attributes:
        path: The manifest, absolute.
        root: The manifest's tree.
        sets: The ``--set`` arguments.
        recipe: The manifest as typed values.
        composition: Its configs and models before resolution.
        resolved: Everything after resolution.
        diagnostics: Every finding once, sorted by location.
        counts: How many targets were checked.
        build: The build directory, if the lock in it was compiled.
    """

    path: Path
    root: Mapping | None = None
    sets: tuple[str, ...] = ()
    recipe: Recipe | None = None
    composition: Composition | None = None
    resolved: Resolved | None = None
    diagnostics: tuple[Diagnostic, ...] = ()
    counts: TargetCounts = field(default_factory=TargetCounts)
    build: Path | None = None

    @property
    def ok(self) -> bool:
        """Whether there is no error; warnings do not count."""
        return not any(is_error(finding) for finding in self.diagnostics)

    @cached_property
    def plan(self) -> "Plan | None":
        """The plan of the build, made on first use; None if there is an error."""
        composition = self.composition
        if not (self.ok and self.root and self.recipe and composition and self.resolved):
            return None
        from espnet3_compiler.build.make_plan import make_plan

        return make_plan(self.root, self.recipe, composition.configs, self.resolved, self.sets)


def is_error(finding: Diagnostic) -> bool:
    """Return whether a finding stops the build."""
    return BY_NUMBER[finding.code].severity == "error"


def sort_findings(findings: Iterable[Diagnostic], first: str) -> tuple[Diagnostic, ...]:
    """Return every finding once, sorted by location, those in the text called ``first`` first.

    Two configs that share a file are both checked: a mistake in the file is found twice.
    """
    found: dict[tuple[object, ...], Diagnostic] = {}
    for finding in findings:
        span = finding.primary.span
        name = span.source.name
        key = (name != first, name, span.start, span.end, finding.code, finding.message)
        found.setdefault(key, finding)
    return tuple(found[key] for key in sorted(found))
