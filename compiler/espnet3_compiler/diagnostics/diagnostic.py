"""A mistake of the user, as a value."""

from dataclasses import dataclass, replace

from espnet3_compiler.diagnostics.source import Span


@dataclass(frozen=True, slots=True)
class Label:
    """A span and a short text about it, which may be empty."""

    span: Span
    text: str = ""


@dataclass(frozen=True, slots=True)
class Edit:
    """A replacement of a span of a file."""

    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class Fix:
    """Edits that mend a finding.

    Attributes:
        title: Their effect, in the imperative.
        edits: Replacements in files, none overlapping.
        certain: Whether ``--fix`` may apply them without asking.
    """

    title: str
    edits: tuple[Edit, ...]
    certain: bool = False


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding.

    Attributes:
        code: A code of ``codes.CODES``, for example ``R502``; severity and name follow from it.
        message: One sentence that stands alone, the offending name in quotes, no final full stop.
        primary: The span to look at, with the mistake there.
        related: Other spans: the first definition, the steps of provenance.
        help: What to write instead, one line each.
        notes: Facts, one line each.
        fix: Edits that mend it, where there are any.
    """

    code: str
    message: str
    primary: Label
    related: tuple[Label, ...] = ()
    help: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    fix: Fix | None = None

    def joined_with(self, again: "Diagnostic", text: str = "likewise") -> "Diagnostic":
        """Return one finding for two that are the same mistake; the advice is that of the first.

        Args:
            again: The same mistake at another place.
            text: What is said there.
        """
        fix = self.fix
        if fix and again.fix:
            certain = fix.certain and again.fix.certain
            fix = replace(fix, edits=(*fix.edits, *again.fix.edits), certain=certain)
        labels = (*self.related, Label(again.primary.span, text))
        return replace(self, related=labels, fix=fix)
