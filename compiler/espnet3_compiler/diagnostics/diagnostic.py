"""A mistake of the user, as a value."""

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from espnet3_compiler.diagnostics.source import Span


class Label(Struct, frozen=True):
    """A span and a short text about it, which may be empty."""

    span: Span
    text: str = ""


class Edit(Struct, frozen=True):
    """A replacement of a span of a file."""

    span: Span
    text: str


class Fix(Struct, frozen=True):
    """Edits that mend a finding.

    Attributes:
        title: Their effect, in the imperative.
        edits: Replacements in files, none overlapping.
        certain: Whether ``--fix`` may apply them without asking.
    """

    title: str
    edits: tuple[Edit, ...]
    certain: bool = False


class Diagnostic(Struct, frozen=True):
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
        return self.joined_with_all((again,), text)

    def joined_with_all(self, others: Sequence["Diagnostic"], text: str) -> "Diagnostic":
        """Return one finding for the same mistake at several other places; see ``joined_with``."""
        fix, fixes = self.fix, [other.fix for other in others if other.fix]
        if fix and fixes:
            edits = (*fix.edits, *(edit for one in fixes for edit in one.edits))
            fix = replace(fix, edits=edits, certain=all(one.certain for one in (fix, *fixes)))
        labels = (*self.related, *(Label(other.primary.span, text) for other in others))
        return replace(self, related=labels, fix=fix)
